package kyufu.peer;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The properties file that build.py's `write_settings` makes. What is missing is named. */
final class Settings {
    /** Programme and dates; YYYYMMDD, inclusive. */
    record Window(int opensOn, int closesOn) {
        boolean holds(int day) {
            return opensOn <= day && day <= closesOn;
        }
    }

    private static final String WINDOW = "programme.window.";
    private static final String STREAMS = "streams.";

    private final Properties values = new Properties();
    final String programme;
    final String ruleVersion;
    final String snapshotId;
    final int baseDate;
    final String occurrence;
    final long yenPerPerson;
    final long claimYenMax;
    private final Window window;
    private final Map<String, Window> windows = new HashMap<>();

    Settings(Path file) throws IOException {
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            values.load(reader);
        }
        programme = text("programme.name");
        ruleVersion = text("programme.rule_version");
        snapshotId = text("programme.snapshot_id");
        baseDate = number("programme.base_date");
        occurrence = text("programme.occurrence");
        yenPerPerson = number("programme.yen_per_person");
        claimYenMax = number("programme.claim_yen_max");
        window = window("programme.window");
        for (String name : values.stringPropertyNames()) {
            if (name.startsWith(WINDOW)) {
                windows.put(name.substring(WINDOW.length()), window(name));
            }
        }
    }

    String text(String name) {
        String value = values.getProperty(name);
        if (value == null) {
            throw new IllegalArgumentException("setting missing: " + name);
        }
        return value;
    }

    int number(String name) {
        return Integer.parseInt(text(name));
    }

    String topic(String name) {
        return text("topic.prefix") + name;
    }

    Window windowOf(String municipalityCode) {
        return windows.getOrDefault(municipalityCode, window);
    }

    /** Bank (4 digits) and branch (3) of every branch that exists. */
    Set<String> branches() throws IOException {
        return new HashSet<>(Files.readAllLines(Path.of(text("branches.file"))));
    }

    Path sealingKey(String purpose) {
        return Path.of(text("sealing.dir"), purpose + ".key");
    }

    /** A store of raw bytes, in memory or in RocksDB. */
    StoreBuilder<KeyValueStore<byte[], byte[]>> store(String name) {
        KeyValueBytesStoreSupplier supplier = switch (text("store")) {
            case "memory" -> Stores.inMemoryKeyValueStore(name);
            case "rocksdb" -> Stores.persistentKeyValueStore(name);
            default -> throw new IllegalArgumentException("store is memory or rocksdb");
        };
        return Stores.keyValueStoreBuilder(supplier, Serdes.ByteArray(), Serdes.ByteArray());
    }

    /** A store that this hop writes: with a cache before it if the settings give one. */
    StoreBuilder<KeyValueStore<byte[], byte[]>> ownStore(String name) {
        var builder = store(name).withLoggingEnabled(Map.of());
        return number("cache.mb") > 0 ? builder.withCachingEnabled() : builder;
    }

    private Window window(String name) {
        String[] days = text(name).split("-");
        return new Window(Integer.parseInt(days[0]), Integer.parseInt(days[1]));
    }

    /** What a Kafka Streams engineer would set for throughput; `streams.*` overrides any of it. */
    Properties streams(String hop) {
        Properties to = new Properties();
        to.put(StreamsConfig.APPLICATION_ID_CONFIG, text("application.prefix") + hop);
        to.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, text("bootstrap"));
        to.put(StreamsConfig.STATE_DIR_CONFIG, text("state.dir"));
        to.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        to.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, number("threads"));
        to.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, number("commit.ms"));
        to.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, number("cache.mb") * 1048576L);
        to.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        to.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 4000);
        to.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO");
        to.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        // Records of several topics in the order of their timestamps: registers come first.
        to.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, 0L);
        consumer(to, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        consumer(to, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 4000);
        consumer(to, ConsumerConfig.FETCH_MIN_BYTES_CONFIG, 8192);
        consumer(to, ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 20);
        consumer(to, ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 1048576);
        producer(to, ProducerConfig.LINGER_MS_CONFIG, 20);
        producer(to, ProducerConfig.BATCH_SIZE_CONFIG, 262144);
        producer(to, ProducerConfig.BUFFER_MEMORY_CONFIG, 67108864L);
        producer(to, ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
        for (String name : values.stringPropertyNames()) {
            if (name.startsWith(STREAMS)) {
                to.put(name.substring(STREAMS.length()), values.getProperty(name));
            }
        }
        return to;
    }

    private static void consumer(Properties to, String name, Object value) {
        to.put(StreamsConfig.mainConsumerPrefix(name), value);
    }

    private static void producer(Properties to, String name, Object value) {
        to.put(StreamsConfig.producerPrefix(name), value);
    }
}
