package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import kyufu.events.v1.Applications.ApplicationDecided;
import kyufu.events.v1.Applications.ApplicationDeduplicated;
import kyufu.events.v1.Applications.ApplicationSubmitted;
import kyufu.events.v1.Applications.Claim;
import kyufu.events.v1.Common.EntitlementItem;
import kyufu.events.v1.Common.Outcome;
import kyufu.events.v1.Common.Reason;
import kyufu.events.v1.Common.Stage;
import kyufu.events.v1.Registry.HouseholdPerson;
import kyufu.events.v1.Reviews.ReviewOpened;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** link and decide: applications.deduplicated -> applications.decided and reviews.opened. */
final class Link extends Hop {
    private static final String STATE = "link";
    private static final int CANONICAL_BYTES = 15;
    private static final int BANK_BRANCH_BYTES = 7;
    private static final byte[] OPEN = {'o'};
    private static final byte[] CLOSED = {'x'};
    private static final Header DECIDED = type("ApplicationDecided");
    private static final Header REVIEW = type("ReviewOpened");

    private final EventIds ids = new EventIds("link");
    private final Set<String> branches;
    private Opener opener;
    private KeyValueStore<byte[], byte[]> state;

    private Link(Settings settings, Progress progress, Set<String> branches) {
        super(settings, progress);
        this.branches = branches;
    }

    static Topology topology(Settings settings, Progress progress) throws Exception {
        Set<String> branches = settings.branches();
        Topology topology = new Topology();
        topology.addSource(
                "deduplicated", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
                settings.topic("applications.deduplicated"));
        topology.addProcessor("link", () -> new Link(settings, progress, branches), "deduplicated");
        topology.addStateStore(settings.ownStore(STATE), "link");
        topology.addSink(
                "decided", settings.topic("applications.decided"),
                new ByteArraySerializer(), new ByteArraySerializer(), "link");
        topology.addSink(
                "reviews", settings.topic("reviews.opened"),
                new ByteArraySerializer(), new ByteArraySerializer(), "link");
        return topology;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        super.init(context);
        state = context.getStateStore(STATE);
        try {
            opener = new Opener(settings.sealingKey("identity"), settings.sealingKey("account"));
        } catch (Exception unreadable) {
            throw new IllegalStateException("the sealing keys cannot be read", unreadable);
        }
    }

    @Override
    void take(Record<byte[], byte[]> record) throws Exception {
        ApplicationDeduplicated event = ApplicationDeduplicated.parseFrom(record.value());
        require(event.hasClaim() && event.getEventId().size() == ID_BYTES, "no claim");
        Claim claim = event.getClaim();
        ApplicationSubmitted application = claim.getApplication();
        check(application);
        require(claim.getRevision() > 0 && claim.getParty().getKindValue() == 1, "no head's claim");
        require(same(record.key(), claim.getAccount().getAccountFingerprint()), "wrong key");
        byte[] plain = opener.open(
                claim.getAccount().getAccount(), "application",
                application.getApplicationId(), "account");
        List<byte[]> payees = payees(claim);
        byte[] judged = key('j', event.getEventId());
        if (state.get(judged) != null) {
            return;
        }
        state.put(judged, CLOSED);
        look(record, event, plain, payees);
    }

    private List<byte[]> payees(Claim claim) throws GeneralSecurityException {
        List<byte[]> names = new ArrayList<>(2);
        for (HouseholdPerson person : claim.getPersonsList()) {
            if (person.getIsHead() || person.getResidentId().equals(claim.getResidentId())) {
                names.add(opener.open(
                        person.getNameKana(), "resident", person.getResidentId(), "name_kana"));
            }
        }
        return names;
    }

    private void look(
            Record<byte[], byte[]> record, ApplicationDeduplicated event, byte[] plain,
            List<byte[]> payees) {
        Claim claim = event.getClaim();
        int day = legalDay(claim.getApplication().getSubmittedAtMs());
        if (!settings.windowOf(claim.getMunicipalityCode()).holds(day)) {
            refuse(record, event, Reason.REASON_WINDOW_CLOSED);
            return;
        }
        if (!accountExists(plain)) {
            refuse(record, event, Reason.REASON_ACCOUNT_INVALID);
            return;
        }
        List<Reason> questions = new ArrayList<>(2);
        if (!holdsFor(plain, payees)) {
            questions.add(Reason.REASON_HOLDER_MISMATCH);
        }
        byte[] usesKey = key('u', claim.getAccount().getAccountFingerprint());
        byte[] uses = state.get(usesKey);
        require(uses == null || isOf(uses, claim.getClaimUnitId()), "a shared account");
        Grant grant = Grant.of(settings, claim);
        questions.addAll(grant.questions());
        if (grant.items().isEmpty()) {
            refuse(record, event, Reason.REASON_NOTHING_CLAIMED);
            return;
        }
        questions.removeAll(new HashSet<>(claim.getWaivedList()));
        if (questions.isEmpty()) {
            approve(record, event, grant);
        } else {
            review(record, event, questions);
        }
        state.put(usesKey, use(uses, claim));
    }

    private boolean accountExists(byte[] plain) {
        if (plain.length < CANONICAL_BYTES) {
            return false;
        }
        for (int i = 0; i < CANONICAL_BYTES; i++) {
            if (plain[i] < '0' || plain[i] > '9') {
                return false;
            }
        }
        return branches.contains(
                new String(plain, 0, BANK_BRANCH_BYTES, StandardCharsets.US_ASCII));
    }

    /** Names without spaces; nothing is no name. */
    private static boolean holdsFor(byte[] plain, List<byte[]> payees) {
        byte[] mine = unspaced(plain, CANONICAL_BYTES);
        for (byte[] payee : payees) {
            if (mine.length > 0 && Arrays.equals(mine, unspaced(payee, 0))) {
                return true;
            }
        }
        return false;
    }

    private static byte[] unspaced(byte[] name, int from) {
        byte[] kept = new byte[name.length - from];
        int size = 0;
        for (int i = from; i < name.length; i++) {
            if (name[i] != ' ') {
                kept[size++] = name[i];
            }
        }
        return Arrays.copyOf(kept, size);
    }

    // -- how a look ends ------------------------------------------------------------------------

    private void approve(Record<byte[], byte[]> record, ApplicationDeduplicated event, Grant grant) {
        long amount = 0;
        for (EntitlementItem item : grant.items()) {
            amount += item.getAmountYen();
        }
        ApplicationDecided.Builder message = decided(event, Outcome.OUTCOME_APPROVED)
                .addAllReasons(grant.notes())
                .addAllItems(grant.items())
                .setAmountYen(amount)
                .setAccount(event.getClaim().getAccount());
        write(record, "decided", DECIDED, event.getClaim().getClaimUnitId(), message.build());
    }

    /** In the mix no use is taken back by a refusal, but it is looked for. */
    private void refuse(Record<byte[], byte[]> record, ApplicationDeduplicated event, Reason reason) {
        Claim claim = event.getClaim();
        byte[] uses = state.get(key('u', claim.getAccount().getAccountFingerprint()));
        require(uses == null || !isOf(uses, claim.getClaimUnitId()), "a use taken back");
        ApplicationDecided message =
                decided(event, Outcome.OUTCOME_REFUSED).addReasons(reason).build();
        write(record, "decided", DECIDED, claim.getClaimUnitId(), message);
    }

    private void review(
            Record<byte[], byte[]> record, ApplicationDeduplicated event, List<Reason> questions) {
        Claim claim = event.getClaim();
        ApplicationSubmitted application = claim.getApplication();
        ByteString cause = event.getEventId();
        ByteString reviewId = ids.of(
                application.getApplicationId(), claim.getRevision(), cause, EventIds.REVIEW);
        state.put(key('r', reviewId), OPEN);
        ByteString key = claim.getAccount().getAccountFingerprint();
        ReviewOpened opened = ReviewOpened.newBuilder()
                .setEventId(reviewId)
                .setCausingEventId(cause)
                .setReviewId(reviewId)
                .setStage(Stage.STAGE_LINK)
                .setStageKey(key)
                .setStageEventType("kyufu.events.v1.ApplicationDeduplicated")
                .setStageEvent(UnsafeByteOperations.unsafeWrap(record.value()))
                .setApplicationId(application.getApplicationId())
                .setProgramme(application.getProgramme())
                .setClaimUnitId(claim.getClaimUnitId())
                .setMunicipalityCode(claim.getMunicipalityCode())
                .addAllReasons(questions)
                .setOpenedAtMs(event.getAtMs())
                .build();
        write(record, "reviews", REVIEW, key, opened);
        ApplicationDecided waits = decided(event, Outcome.OUTCOME_WAITING)
                .addAllReasons(questions)
                .setReviewId(reviewId)
                .build();
        write(record, "decided", DECIDED, claim.getClaimUnitId(), waits);
    }

    private ApplicationDecided.Builder decided(ApplicationDeduplicated event, Outcome outcome) {
        Claim claim = event.getClaim();
        ApplicationSubmitted application = claim.getApplication();
        ByteString cause = event.getEventId();
        return Outcomes.of(application, outcome)
                .setEventId(ids.of(
                        application.getApplicationId(), claim.getRevision(), cause,
                        EventIds.DECIDED))
                .setCausingEventId(cause)
                .setClaimUnitId(claim.getClaimUnitId())
                .setParty(claim.getParty())
                .setRevision(claim.getRevision())
                .setReplacesRevision(claim.getReplacesRevision())
                .setMunicipalityCode(claim.getMunicipalityCode())
                .setRuleVersion(settings.ruleVersion)
                .setSnapshotId(claim.getSnapshotId())
                .setRegisterVersion(claim.getRegisterVersion())
                .setDecidedAtMs(Math.max(event.getAtMs(), application.getSubmittedAtMs()))
                .setStage(Stage.STAGE_DECIDE);
    }

    // -- state ----------------------------------------------------------------------------------

    private static byte[] key(char kind, ByteString id) {
        byte[] key = new byte[1 + id.size()];
        key[0] = (byte) kind;
        id.copyTo(key, 1);
        return key;
    }

    /** Who uses an account: claim unit, first application, revisions. */
    private static byte[] use(byte[] known, Claim claim) {
        if (known != null) {
            byte[] more = Arrays.copyOf(known, known.length + 4);
            ByteBuffer.wrap(more).putInt(known.length, claim.getRevision());
            return more;
        }
        ByteBuffer use = ByteBuffer.allocate(ID_BYTES + APPLICATION_ID_BYTES + 4);
        claim.getClaimUnitId().copyTo(use);
        claim.getApplication().getApplicationId().copyTo(use);
        return use.putInt(claim.getRevision()).array();
    }

    private static boolean isOf(byte[] use, ByteString claimUnitId) {
        return ByteString.copyFrom(use, 0, ID_BYTES).equals(claimUnitId);
    }
}
