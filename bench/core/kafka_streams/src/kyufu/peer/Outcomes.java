package kyufu.peer;

import kyufu.events.v1.Applications.ApplicationDecided;
import kyufu.events.v1.Applications.ApplicationSubmitted;
import kyufu.events.v1.Common.Outcome;

/** Outcomes on the wire. */
final class Outcomes {
    private Outcomes() {}

    /** An outcome with what it takes over from the application. */
    static ApplicationDecided.Builder of(ApplicationSubmitted application, Outcome outcome) {
        ApplicationDecided.Builder decided = ApplicationDecided.newBuilder()
                .setApplicationId(application.getApplicationId())
                .setProgramme(application.getProgramme())
                .setClientId(application.getClientId())
                .setChannelValue(application.getChannelValue())
                .setOutcome(outcome)
                .setLanguage(application.getLanguage())
                .setSubmittedAtMs(application.getSubmittedAtMs());
        if (application.hasContact()) {
            decided.setContact(application.getContact());
        }
        return decided;
    }
}
