package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import kyufu.events.v1.Applications.ApplicationDecided;
import kyufu.events.v1.Applications.ApplicationIdentified;
import kyufu.events.v1.Applications.ApplicationSubmitted;
import kyufu.events.v1.Common.Outcome;
import kyufu.events.v1.Common.Reason;
import kyufu.events.v1.Common.Stage;
import kyufu.events.v1.Registry.CredentialRecord;
import kyufu.events.v1.Registry.RegistryRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** identify: applications.submitted and the credentials -> applications.identified, or an outcome. */
final class Identify extends Hop {
    private static final String CREDENTIALS = "credentials";
    private static final Header IDENTIFIED = type("ApplicationIdentified");
    private static final Header DECIDED = type("ApplicationDecided");

    private final EventIds ids = new EventIds("identify");
    private Register credentials;

    private Identify(Settings settings, Progress progress) {
        super(settings, progress);
    }

    static Topology topology(Settings settings, Progress progress) {
        Topology topology = new Topology();
        topology.addSource(
                "submitted", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
                settings.topic("applications.submitted"));
        topology.addProcessor("identify", () -> new Identify(settings, progress), "submitted");
        Register.add(topology, settings, CREDENTIALS, "identify");
        topology.addSink(
                "identified", settings.topic("applications.identified"),
                new ByteArraySerializer(), new ByteArraySerializer(), "identify");
        topology.addSink(
                "decided", settings.topic("applications.decided"),
                new ByteArraySerializer(), new ByteArraySerializer(), "identify");
        return topology;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        super.init(context);
        credentials = Register.of(context, settings, CREDENTIALS);
    }

    @Override
    void take(Record<byte[], byte[]> record) throws InvalidProtocolBufferException {
        ApplicationSubmitted application = ApplicationSubmitted.parseFrom(record.value());
        check(application);
        require(same(record.key(), application.getCredentialFingerprint()), "wrong key");
        RegistryRecord known = find(application.getCredentialFingerprint());
        if (known == null) {
            require(credentials.isComplete(), "an application before its register");
            refuse(record, application);
            return;
        }
        CredentialRecord credential = known.getCredential();
        int day = legalDay(application.getSubmittedAtMs());
        int until = credential.getValidUntil();
        if (day < credential.getValidFrom() || (until > 0 && until < day)) {
            refuse(record, application);
            return;
        }
        ByteString cause = application.getEventId();
        ApplicationIdentified message = ApplicationIdentified.newBuilder()
                .setEventId(ids.of(application.getApplicationId(), 0, cause, EventIds.ONWARD))
                .setCausingEventId(cause)
                .setApplication(application)
                .setResidentId(credential.getResidentId())
                .setClaimUnitId(credential.getClaimUnitId())
                .setMunicipalityCode(credential.getMunicipalityCode())
                .setSnapshotId(settings.snapshotId)
                .setRegisterVersion(known.getVersion())
                .build();
        write(record, "identified", IDENTIFIED, message.getClaimUnitId(), message);
    }

    /** The register's key is the fingerprint and the snapshot; older logs have it without. */
    private RegistryRecord find(ByteString fingerprint) throws InvalidProtocolBufferException {
        RegistryRecord known = credentials.find(Register.join(fingerprint, settings.snapshotId));
        return known != null ? known : credentials.find(fingerprint.toByteArray());
    }

    private void refuse(Record<byte[], byte[]> record, ApplicationSubmitted application) {
        ByteString cause = application.getEventId();
        ApplicationDecided message = Outcomes.of(application, Outcome.OUTCOME_REFUSED)
                .setEventId(ids.of(application.getApplicationId(), 0, cause, EventIds.DECIDED))
                .setCausingEventId(cause)
                .setStage(Stage.STAGE_IDENTIFY)
                .addReasons(Reason.REASON_NOT_IN_REGISTER)
                .setSnapshotId(settings.snapshotId)
                .setDecidedAtMs(application.getSubmittedAtMs())
                .build();
        write(record, "decided", DECIDED, application.getApplicationId(), message);
    }
}
