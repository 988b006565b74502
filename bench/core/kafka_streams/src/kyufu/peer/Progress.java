package kyufu.peer;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicLong;

/** Counts one hop's records and says so on stdout; a line is one JSON object. */
final class Progress {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final String hop;
    private final long wanted;
    private final AtomicLong counted = new AtomicLong();

    Progress(String hop, long wanted) {
        this.hop = hop;
        this.wanted = wanted;
    }

    void count() {
        if (counted.incrementAndGet() == wanted) {
            say("done");
        }
    }

    void say(String event) {
        System.out.println(String.format(
                java.util.Locale.ROOT,
                "{\"event\": \"%s\", \"hop\": \"%s\", \"records\": %d, \"cpu_s\": %.3f}",
                event, hop, counted.get(), SYSTEM.getProcessCpuTime() / 1e9));
    }
}
