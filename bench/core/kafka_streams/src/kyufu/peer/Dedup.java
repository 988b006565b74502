package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import kyufu.events.v1.Applications.ApplicationDecided;
import kyufu.events.v1.Applications.ApplicationDeduplicated;
import kyufu.events.v1.Applications.ApplicationIdentified;
import kyufu.events.v1.Applications.ApplicationSubmitted;
import kyufu.events.v1.Applications.Capacity;
import kyufu.events.v1.Applications.Claim;
import kyufu.events.v1.Applications.ClaimedPerson;
import kyufu.events.v1.Common.Outcome;
import kyufu.events.v1.Common.Party;
import kyufu.events.v1.Common.PartyKind;
import kyufu.events.v1.Common.Reason;
import kyufu.events.v1.Common.Stage;
import kyufu.events.v1.Registry.HouseholdPerson;
import kyufu.events.v1.Registry.RegistryRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * dedup: applications.identified, the registers and what was decided -> applications.deduplicated, or
 * an outcome. One active claim of the head of each household; other parties are outside the mix.
 */
final class Dedup extends Hop {
    private static final String UNITS = "units";
    private static final Header DEDUPLICATED = type("ApplicationDeduplicated");
    private static final Header DECIDED = type("ApplicationDecided");

    private final EventIds ids = new EventIds("dedup");
    private Register households;
    private Register separations;
    private KeyValueStore<byte[], byte[]> units;

    private Dedup(Settings settings, Progress progress) {
        super(settings, progress);
    }

    static Topology topology(Settings settings, Progress progress) {
        Topology topology = new Topology();
        topology.addSource(
                "identified", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
                settings.topic("applications.identified"));
        topology.addProcessor("dedup", () -> new Dedup(settings, progress), "identified");
        topology.addSource(
                "answers", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
                settings.topic("applications.decided"));
        topology.addProcessor("feedback", () -> new Feedback(settings), "answers");
        topology.addStateStore(settings.ownStore(UNITS), "dedup", "feedback");
        for (String register : new String[] {"households", "accounts", "separations"}) {
            Register.add(topology, settings, register, "dedup");
        }
        topology.addSink(
                "deduplicated", settings.topic("applications.deduplicated"),
                new ByteArraySerializer(), new ByteArraySerializer(), "dedup");
        topology.addSink(
                "decided", settings.topic("applications.decided"),
                new ByteArraySerializer(), new ByteArraySerializer(), "dedup");
        return topology;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        super.init(context);
        households = Register.of(context, settings, "households");
        separations = Register.of(context, settings, "separations");
        units = context.getStateStore(UNITS);
    }

    @Override
    void take(Record<byte[], byte[]> record) throws InvalidProtocolBufferException {
        ApplicationIdentified identified = ApplicationIdentified.parseFrom(record.value());
        ApplicationSubmitted application = identified.getApplication();
        check(application);
        require(same(record.key(), identified.getClaimUnitId()), "wrong key");
        require(record.key().length == ID_BYTES, "claim unit");
        byte[] key = Register.join(identified.getClaimUnitId(), application.getProgramme());
        Unit unit = Unit.decode(units.get(key));
        if (unit.findSeen(application.getApplicationId()) != null) {
            return;
        }
        RegistryRecord household = households.find(record.key());
        require(separations.isComplete(), "an application before its register");
        require(separations.find(record.key()) == null, "separated persons");
        Party party = null;
        Reason refusal = null;
        Unit.Listing listing = null;
        if (household == null) {
            require(households.isComplete(), "an application before its register");
            refusal = Reason.REASON_NOT_IN_REGISTER;
        } else {
            refusal = mayNot(identified, household);
        }
        if (refusal == null) {
            party = Party.newBuilder()
                    .setKind(PartyKind.PARTY_KIND_HEAD)
                    .setPartyId(identified.getClaimUnitId())
                    .build();
            listing = read(application, household);
            refusal = closed(unit.active(), application, listing);
        }
        if (refusal != null) {
            unit.remember(seen(application, 0));
            units.put(key, unit.encode());
            refuse(record, identified, household, party, refusal);
            return;
        }
        int number = unit.nextNumber();
        unit.revisions.add(new Unit.Revision(
                number, true, application.getAccount().getAccountFingerprint(), listing));
        unit.remember(seen(application, number));
        units.put(key, unit.encode());
        accept(record, identified, household, party, number, listing);
    }

    private static Unit.Seen seen(ApplicationSubmitted application, int revision) {
        return new Unit.Seen(
                application.getApplicationId(), application.getBodyDigest(), revision);
    }

    /** Why the applicant may act for nobody here, or null for the head. */
    private static Reason mayNot(ApplicationIdentified identified, RegistryRecord household) {
        for (HouseholdPerson person : household.getHousehold().getPersonsList()) {
            if (person.getResidentId().equals(identified.getResidentId())) {
                Capacity capacity = identified.getApplication().getCapacity();
                require(capacity != Capacity.CAPACITY_SEPARATED, "separated");
                if (person.getIsHead()) {
                    return null;
                }
                require(capacity != Capacity.CAPACITY_PROXY, "proxy");
                return Reason.REASON_APPLICANT_NOT_HEAD;
            }
        }
        return Reason.REASON_NOT_IN_REGISTER;
    }

    /** Matches the lines of the form with the persons of the household. */
    private static Unit.Listing read(ApplicationSubmitted application, RegistryRecord household) {
        Map<ByteString, ByteString> mine = new HashMap<>();
        for (HouseholdPerson person : household.getHousehold().getPersonsList()) {
            mine.put(person.getPersonFingerprint(), person.getResidentId());
        }
        Set<ByteString> named = new TreeSet<>(Unit.ORDER);
        Set<ByteString> optedOut = new TreeSet<>(Unit.ORDER);
        Set<ByteString> unknown = new HashSet<>();
        for (ClaimedPerson line : application.getPersonsList()) {
            ByteString resident = mine.get(line.getPersonFingerprint());
            if (resident == null) {
                unknown.add(line.getPersonFingerprint());
                continue;
            }
            named.add(resident);
            if (line.getOptedOut()) {
                optedOut.add(resident);
            }
        }
        return new Unit.Listing(
                named, optedOut, unknown.size(), false, application.getPersonsComplete());
    }

    private static Reason closed(
            Unit.Revision active, ApplicationSubmitted application, Unit.Listing listing) {
        if (active == null) {
            return null;
        }
        require(
                active.account().equals(application.getAccount().getAccountFingerprint())
                        && active.listing().asks(listing),
                "a correction");
        return Reason.REASON_ALREADY_CLAIMED;
    }

    private void accept(
            Record<byte[], byte[]> record, ApplicationIdentified identified,
            RegistryRecord household, Party party, int number, Unit.Listing listing) {
        ApplicationSubmitted application = identified.getApplication();
        Claim.Builder claim = Claim.newBuilder()
                .setApplication(application)
                .setClaimUnitId(identified.getClaimUnitId())
                .setParty(party)
                .setRevision(number)
                .addAllPersons(household.getHousehold().getPersonsList())
                .setResidentId(identified.getResidentId())
                .setAccount(application.getAccount())
                .setMunicipalityCode(household.getHousehold().getMunicipalityCode())
                .setSnapshotId(settings.snapshotId)
                .setRegisterVersion(household.getVersion())
                .setUnknownPersons(listing.unknown())
                .addAllOptedOut(listing.optedOut());
        for (HouseholdPerson person : household.getHousehold().getPersonsList()) {
            if (!listing.named().contains(person.getResidentId())) {
                claim.addOmitted(person.getResidentId());
            }
        }
        ByteString cause = identified.getEventId();
        ApplicationDeduplicated message = ApplicationDeduplicated.newBuilder()
                .setEventId(
                        ids.of(application.getApplicationId(), number, cause, EventIds.ONWARD))
                .setCausingEventId(cause)
                .setClaim(claim)
                .setAtMs(application.getSubmittedAtMs())
                .build();
        ByteString key = application.getAccount().getAccountFingerprint();
        write(record, "deduplicated", DEDUPLICATED, key, message);
    }

    private void refuse(
            Record<byte[], byte[]> record, ApplicationIdentified identified,
            RegistryRecord household, Party party, Reason reason) {
        ApplicationSubmitted application = identified.getApplication();
        ByteString cause = identified.getEventId();
        ApplicationDecided.Builder message = Outcomes.of(application, Outcome.OUTCOME_REFUSED)
                .setEventId(ids.of(application.getApplicationId(), 0, cause, EventIds.DECIDED))
                .setCausingEventId(cause)
                .setClaimUnitId(identified.getClaimUnitId())
                .addReasons(reason)
                .setRuleVersion(settings.ruleVersion)
                .setSnapshotId(settings.snapshotId)
                .setDecidedAtMs(application.getSubmittedAtMs())
                .setStage(Stage.STAGE_DEDUP);
        if (household != null) {
            message.setMunicipalityCode(household.getHousehold().getMunicipalityCode());
            message.setRegisterVersion(household.getVersion());
        }
        if (party != null) {
            message.setParty(party);
        }
        write(record, "decided", DECIDED, identified.getClaimUnitId(), message.build());
    }

    /** Reads what was decided: a refusal of link or decide ends the revision that it names. */
    private static final class Feedback
            extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        private final Settings settings;
        private KeyValueStore<byte[], byte[]> units;

        Feedback(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            units = context.getStateStore(UNITS);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            ApplicationDecided answer;
            try {
                answer = ApplicationDecided.parseFrom(record.value());
            } catch (InvalidProtocolBufferException undecodable) {
                throw new IllegalStateException(undecodable);
            }
            require(answer.getProgramme().equals(settings.programme), "unknown programme");
            Stage stage = answer.getStage();
            boolean answers = stage == Stage.STAGE_LINK || stage == Stage.STAGE_DECIDE;
            if (!answers || answer.getRevision() == 0) {
                return;
            }
            byte[] key = Register.join(answer.getClaimUnitId(), answer.getProgramme());
            Unit unit = Unit.decode(units.get(key));
            for (int i = 0; i < unit.revisions.size(); i++) {
                Unit.Revision each = unit.revisions.get(i);
                if (each.number() == answer.getRevision()
                        && each.alive()
                        && answer.getOutcome() == Outcome.OUTCOME_REFUSED) {
                    unit.revisions.set(i, new Unit.Revision(
                            each.number(), false, each.account(), each.listing()));
                    units.put(key, unit.encode());
                }
            }
        }
    }
}
