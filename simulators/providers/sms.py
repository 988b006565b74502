"""Two SMS providers over HTTP. A fails now and then, so that B has something to do.

POST /messages {"key", "to", "text"} → 202 {"key"}; the same key again is answered alike and
delivered once. GET /messages/{key} → 200 or 404.
"""

from aiohttp import web

from simulators.providers.mailbox import Mailbox

BODY_BYTES_MAX = 16 * 1024


class SmsProvider:
    """`failure_every` n: every n-th new message is answered 500 and not delivered; 0: never."""

    def __init__(self, name: str, mailbox: Mailbox, *, failure_every: int) -> None:
        self._name = name
        self._mailbox = mailbox
        self._failure_every = failure_every
        self._known = mailbox.keys()
        self._seen = 0

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post("/messages", self._post)
        application.router.add_get("/messages/{key}", self._get)
        return application

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        key, to, text = (str(message[name]) for name in ("key", "to", "text"))
        if key not in self._known:
            self._seen += 1
            if self._failure_every and self._seen % self._failure_every == 0:
                return web.json_response({"error": "internal"}, status=500)
            self._mailbox.deliver(
                channel="sms", message_id=key, to=to, subject=self._name, body=text
            )
            self._known.add(key)
        return web.json_response({"key": key}, status=202)

    async def _get(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if key in self._known:
            return web.json_response({"key": key})
        return web.json_response({"error": "unknown key"}, status=404)
