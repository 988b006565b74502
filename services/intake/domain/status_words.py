"""Each status in plain words. Short sentences, no official's Japanese, no links in them."""

from typing import Final

from services.intake.domain.statuses import Status

# status: (Japanese, English)
STATUS_WORDS: Final[dict[Status, tuple[str, str]]] = {
    Status.RECEIVED: (
        "申請を受け付けました。審査が始まるまでお待ちください。",
        "We have received your application. Please wait until it is checked.",
    ),
    Status.UNDER_REVIEW: (
        "担当者が内容を確認しています。",
        "A member of staff is looking at your application.",
    ),
    Status.APPROVED: (
        "支給が決まりました。振込の準備をしています。",
        "Your application is approved. We are preparing the transfer.",
    ),
    Status.PAID: (
        "銀行への振込が済みました。",
        "The money has been sent to your account.",
    ),
    Status.RETURNED: (
        "振込ができず、お金が戻りました。口座を確かめて、もう一度申請してください。",
        "The bank sent the money back. Please check the account and apply again.",
    ),
    Status.REFUSED: (
        "この申請では支給できません。理由をご覧ください。",
        "We cannot pay on this application. Please see the reasons.",
    ),
    Status.SUPERSEDED: (
        "新しい申請に置きかわりました。",
        "A newer application has taken the place of this one.",
    ),
    Status.WITHDRAWN: (
        "申請は取り下げられました。",
        "The application has been withdrawn.",
    ),
}
