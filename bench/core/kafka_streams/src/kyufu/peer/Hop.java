package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import kyufu.events.v1.Applications.ApplicationSubmitted;
import kyufu.events.v1.Applications.Intent;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** What the three hops share: the record that comes in, the records that go out, and the count. */
abstract class Hop extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    static final int ID_BYTES = 16;
    static final int APPLICATION_ID_BYTES = 20;
    private static final ZoneOffset TOKYO = ZoneOffset.ofHours(9);

    final Settings settings;
    final Progress progress;

    Hop(Settings settings, Progress progress) {
        this.settings = settings;
        this.progress = progress;
    }

    /** Decides one record of the hop's own topic. */
    abstract void take(Record<byte[], byte[]> record) throws Exception;

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            take(record);
        } catch (RuntimeException stopped) {
            throw stopped;
        } catch (Exception broken) {
            throw new IllegalStateException("a record of the mix cannot be taken", broken);
        }
        progress.count();
    }

    /** Writes one message under its key; its headers are its type and the trace of its cause. */
    void write(
            Record<byte[], byte[]> cause, String sink, Header type, ByteString key,
            MessageLite message) {
        Headers headers = new RecordHeaders().add(type);
        Header trace = cause.headers().lastHeader("traceparent");
        if (trace != null) {
            headers.add(trace);
        }
        context().forward(
                new Record<>(
                        key.toByteArray(), message.toByteArray(), cause.timestamp(), headers),
                sink);
    }

    static Header type(String message) {
        String name = "kyufu.events.v1." + message;
        return new RecordHeader("type", name.getBytes(StandardCharsets.US_ASCII));
    }

    /** As `check_application`: what no rule could take does not belong to the mix. */
    void check(ApplicationSubmitted application) {
        require(application.getProgramme().equals(settings.programme), "unknown programme");
        require(application.getApplicationId().size() == APPLICATION_ID_BYTES, "application id");
        require(application.getEventId().size() == ID_BYTES, "event id");
        require(application.getCredentialFingerprint().size() == ID_BYTES, "credential");
        require(application.getIntent() == Intent.INTENT_APPLY, "intent outside the mix");
        require(application.getSubmittedAtMs() > 0, "no time");
        require(application.hasAccount(), "payout outside the mix");
        require(application.getAccount().getAccountFingerprint().size() == ID_BYTES, "account");
    }

    static void require(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException("outside the mix: " + what);
        }
    }

    static boolean same(byte[] key, ByteString field) {
        return ByteString.copyFrom(key).equals(field);
    }

    /** The legal day in Asia/Tokyo, YYYYMMDD. */
    static int legalDay(long atMs) {
        LocalDate day = Instant.ofEpochMilli(atMs).atOffset(TOKYO).toLocalDate();
        return day.getYear() * 10_000 + day.getMonthValue() * 100 + day.getDayOfMonth();
    }
}
