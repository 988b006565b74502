package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The claims of one claim unit in state: the head's revisions and every application that came. Only
 * what the mix reads again is kept, so a value is smaller than the real core's.
 */
final class Unit {
    /** What a form says of the party's persons, by resident id. */
    record Listing(
            Set<ByteString> named, Set<ByteString> optedOut, int unknown, boolean apart,
            boolean complete) {
        /** Whether a new form asks for what this one already asks for. */
        boolean asks(Listing fresh) {
            if (complete || fresh.complete) {
                return named.equals(fresh.named) && optedOut.equals(fresh.optedOut)
                        && unknown == fresh.unknown;
            }
            Set<ByteString> ticked = new TreeSet<>(ORDER);
            ticked.addAll(optedOut);
            ticked.retainAll(fresh.named);
            return named.containsAll(fresh.named) && fresh.optedOut.equals(ticked)
                    && fresh.unknown <= unknown;
        }
    }

    record Revision(int number, boolean alive, ByteString account, Listing listing) {}

    record Seen(ByteString applicationId, ByteString bodyDigest, int revision) {}

    static final java.util.Comparator<ByteString> ORDER =
            ByteString.unsignedLexicographicalComparator();
    private static final int SEEN_MAX = 512;
    private static final int FIXED_BYTES = 16;

    final List<Revision> revisions = new ArrayList<>(1);
    final List<Seen> seen = new ArrayList<>(2);

    /** The revision that may be paid, or null. */
    Revision active() {
        for (int i = revisions.size() - 1; i >= 0; i--) {
            if (revisions.get(i).alive()) {
                return revisions.get(i);
            }
        }
        return null;
    }

    int nextNumber() {
        return revisions.isEmpty() ? 1 : revisions.get(revisions.size() - 1).number() + 1;
    }

    Seen findSeen(ByteString applicationId) {
        for (Seen each : seen) {
            if (each.applicationId().equals(applicationId)) {
                return each;
            }
        }
        return null;
    }

    void remember(Seen entry) {
        if (seen.size() >= SEEN_MAX) {
            int oldest = 0;
            for (int i = 0; i < seen.size(); i++) {
                if (seen.get(i).revision() == 0) {
                    oldest = i;
                    break;
                }
            }
            seen.remove(oldest);
        }
        seen.add(entry);
    }

    // -- bytes ----------------------------------------------------------------------------------

    static Unit decode(byte[] value) {
        Unit unit = new Unit();
        if (value == null) {
            return unit;
        }
        ByteBuffer in = ByteBuffer.wrap(value);
        for (int left = in.getShort(); left > 0; left--) {
            int number = in.getInt();
            int flags = in.get();
            int unknown = in.getInt();
            unit.revisions.add(new Revision(
                    number, (flags & 1) != 0, bytes(in),
                    new Listing(
                            set(in), set(in), unknown, (flags & 2) != 0, (flags & 4) != 0)));
        }
        for (int left = in.getShort(); left > 0; left--) {
            unit.seen.add(new Seen(bytes(in), bytes(in), in.getInt()));
        }
        return unit;
    }

    byte[] encode() {
        int size = FIXED_BYTES;
        for (Revision each : revisions) {
            size += FIXED_BYTES + each.account().size()
                    + size(each.listing().named()) + size(each.listing().optedOut());
        }
        for (Seen each : seen) {
            size += FIXED_BYTES + each.applicationId().size() + each.bodyDigest().size();
        }
        ByteBuffer out = ByteBuffer.allocate(size);
        out.putShort((short) revisions.size());
        for (Revision each : revisions) {
            Listing listing = each.listing();
            out.putInt(each.number());
            out.put((byte) ((each.alive() ? 1 : 0) | (listing.apart() ? 2 : 0)
                    | (listing.complete() ? 4 : 0)));
            out.putInt(listing.unknown());
            put(out, each.account());
            put(out, listing.named());
            put(out, listing.optedOut());
        }
        out.putShort((short) seen.size());
        for (Seen each : seen) {
            put(out, each.applicationId());
            put(out, each.bodyDigest());
            out.putInt(each.revision());
        }
        byte[] value = new byte[out.position()];
        System.arraycopy(out.array(), 0, value, 0, value.length);
        return value;
    }

    private static int size(Set<ByteString> set) {
        int size = 2;
        for (ByteString each : set) {
            size += 1 + each.size();
        }
        return size;
    }

    private static void put(ByteBuffer out, Set<ByteString> set) {
        out.putShort((short) set.size());
        for (ByteString each : set) {
            put(out, each);
        }
    }

    private static void put(ByteBuffer out, ByteString value) {
        out.put((byte) value.size());
        value.copyTo(out);
    }

    private static Set<ByteString> set(ByteBuffer in) {
        Set<ByteString> set = new TreeSet<>(ORDER);
        for (int left = in.getShort(); left > 0; left--) {
            set.add(bytes(in));
        }
        return set;
    }

    private static ByteString bytes(ByteBuffer in) {
        byte[] value = new byte[in.get() & 0xff];
        in.get(value);
        return UnsafeByteOperations.unsafeWrap(value);
    }
}
