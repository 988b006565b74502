package kyufu.peer;

import java.util.ArrayList;
import java.util.List;
import kyufu.events.v1.Applications.Claim;
import kyufu.events.v1.Common.EntitlementItem;
import kyufu.events.v1.Common.Reason;
import kyufu.events.v1.Registry.HouseholdPerson;

/** decide: what a claim is worth, what the applicant is told of it, and what a person must look at. */
record Grant(List<EntitlementItem> items, List<Reason> notes, List<Reason> questions) {
    static Grant of(Settings settings, Claim claim) {
        List<EntitlementItem> items = new ArrayList<>(claim.getPersonsCount());
        List<Reason> notes = new ArrayList<>(claim.getNotesList());
        boolean omitted = false;
        for (HouseholdPerson person : claim.getPersonsList()) {
            int died = person.getDiedOn();
            boolean eligible = person.getBornOn() <= settings.baseDate
                    && (died == 0 || died >= settings.baseDate);
            omitted |= eligible && claim.getOmittedList().contains(person.getResidentId());
            if (claim.getOptedOutList().contains(person.getResidentId())) {
                note(notes, Reason.REASON_OPTED_OUT);
            } else if (!eligible) {
                note(notes, Reason.REASON_MEMBER_NOT_ELIGIBLE);
            } else {
                items.add(EntitlementItem.newBuilder()
                        .setBeneficiaryId(person.getResidentId())
                        .setOccurrence(settings.occurrence)
                        .setAmountYen(settings.yenPerPerson)
                        .build());
            }
        }
        List<Reason> questions = new ArrayList<>(2);
        if (omitted) {
            questions.add(Reason.REASON_MEMBER_OMITTED);
        }
        if (claim.getUnknownPersons() > 0) {
            questions.add(Reason.REASON_MEMBER_UNKNOWN);
        }
        if (items.size() * settings.yenPerPerson > settings.claimYenMax) {
            questions.add(Reason.REASON_CAP_EXCEEDED);
        }
        return new Grant(items, notes, questions);
    }

    private static void note(List<Reason> notes, Reason reason) {
        if (!notes.contains(reason)) {
            notes.add(reason);
        }
    }
}
