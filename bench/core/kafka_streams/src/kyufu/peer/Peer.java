package kyufu.peer;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** `Peer SETTINGS identify|dedup|link|all [HOP=RECORDS ...]`; see README.md for what it prints. */
public final class Peer {
    private static final List<String> HOPS = List.of("identify", "dedup", "link");
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(20);

    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        Settings settings = new Settings(Path.of(arguments[0]));
        List<String> hops = arguments[1].equals("all") ? HOPS : List.of(arguments[1]);
        Map<String, Long> wanted = new HashMap<>();
        for (int i = 2; i < arguments.length; i++) {
            String[] pair = arguments[i].split("=");
            wanted.put(pair[0], Long.parseLong(pair[1]));
        }
        CountDownLatch running = new CountDownLatch(hops.size());
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        boolean[] failed = new boolean[1];
        List<KafkaStreams> started = new ArrayList<>();
        List<Progress> counts = new ArrayList<>();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            try {
                stopped.await();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
            // A JVM that SIGTERM ends would say 143; this one ended as it was told.
            System.out.flush();
            Runtime.getRuntime().halt(failed[0] ? 1 : 0);
        }));
        try {
            for (String hop : hops) {
                Progress progress = new Progress(hop, wanted.getOrDefault(hop, -1L));
                KafkaStreams streams =
                        new KafkaStreams(topology(hop, settings, progress), settings.streams(hop));
                boolean[] ready = new boolean[1];
                streams.setStateListener((next, before) -> {
                    if (next == KafkaStreams.State.RUNNING && !ready[0]) {
                        ready[0] = true;
                        running.countDown();
                    }
                });
                streams.setUncaughtExceptionHandler(broken -> {
                    broken.printStackTrace();
                    failed[0] = true;
                    running.countDown();
                    stop.countDown();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
                started.add(streams);
                counts.add(progress);
                streams.start();
            }
            Thread announcer = new Thread(() -> {
                try {
                    running.await();
                    if (!failed[0]) {
                        System.out.println("{\"event\": \"ready\"}");
                    }
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                }
            });
            announcer.setDaemon(true);
            announcer.start();
            stop.await();
            for (KafkaStreams each : started) {
                each.close(CLOSE_TIMEOUT);
            }
            counts.forEach(each -> each.say("stopped"));
        } catch (Exception broken) {
            failed[0] = true;
            throw broken;
        } finally {
            stopped.countDown();
        }
        System.exit(failed[0] ? 1 : 0);
    }

    private static Topology topology(String hop, Settings settings, Progress progress)
            throws Exception {
        return switch (hop) {
            case "identify" -> Identify.topology(settings, progress);
            case "dedup" -> Dedup.topology(settings, progress);
            case "link" -> Link.topology(settings, progress);
            default -> throw new IllegalArgumentException("no such hop: " + hop);
        };
    }
}
