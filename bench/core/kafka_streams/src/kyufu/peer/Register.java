package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import java.nio.charset.StandardCharsets;
import kyufu.events.v1.Registry.RegistryRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One register topic as a store of its own, with the topic as its changelog: nothing is written
 * twice, and a restore reads the topic.
 */
final class Register {
    private final KeyValueStore<byte[], byte[]> store;
    private final String closing;
    private boolean complete;

    private Register(KeyValueStore<byte[], byte[]> store, String closing) {
        this.store = store;
        this.closing = closing;
    }

    /** Adds source, store and writer of `registry.NAME`, readable by `reader`. */
    static void add(Topology topology, Settings settings, String name, String reader) {
        topology.addReadOnlyStateStore(
                settings.store(name).withLoggingDisabled(),
                "source-" + name,
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                settings.topic("registry." + name),
                "write-" + name,
                () -> new Writer(name));
        topology.connectProcessorAndStateStores(reader, name);
    }

    static Register of(ProcessorContext<?, ?> context, Settings settings, String name) {
        return new Register(
                context.getStateStore(name), "complete/" + settings.snapshotId + "/" + name);
    }

    /** The record under this key, or null. */
    RegistryRecord find(byte[] key) throws InvalidProtocolBufferException {
        byte[] value = store.get(key);
        return value == null ? null : RegistryRecord.parseFrom(value);
    }

    /** Whether this partition's closing record has come; once it has, nothing is asked again. */
    boolean isComplete() {
        if (!complete) {
            try (var found = store.prefixScan(closing, new StringSerializer())) {
                complete = found.hasNext();
            }
        }
        return complete;
    }

    static byte[] join(ByteString left, String right) {
        byte[] tail = right.getBytes(StandardCharsets.UTF_8);
        byte[] key = new byte[left.size() + tail.length];
        left.copyTo(key, 0);
        System.arraycopy(tail, 0, key, left.size(), tail.length);
        return key;
    }

    /** Keeps the newest version of each record. */
    private static final class Writer extends ContextualProcessor<byte[], byte[], Void, Void> {
        private final String name;
        private KeyValueStore<byte[], byte[]> store;

        Writer(String name) {
            this.name = name;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            super.init(context);
            store = context.getStateStore(name);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try {
                RegistryRecord incoming = RegistryRecord.parseFrom(record.value());
                byte[] known = store.get(record.key());
                if (known == null
                        || RegistryRecord.parseFrom(known).getVersion() <= incoming.getVersion()) {
                    store.put(record.key(), record.value());
                }
            } catch (InvalidProtocolBufferException undecodable) {
                throw new IllegalStateException(undecodable);
            }
        }
    }
}
