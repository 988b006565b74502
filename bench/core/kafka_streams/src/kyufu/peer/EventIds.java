package kyufu.peer;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Event ids as chassis/ids.py makes them: the same cause gives the same id. One a processor. */
final class EventIds {
    static final int ONWARD = 0;
    static final int DECIDED = 1;
    static final int REVIEW = 2;
    private static final byte[] EVENT = "event".getBytes(StandardCharsets.US_ASCII);
    private static final int MATERIAL_BYTES_MAX = 512;

    private final Blake2b blake = new Blake2b();
    private final ByteBuffer material = ByteBuffer.allocate(MATERIAL_BYTES_MAX);
    private final byte[] stage;

    EventIds(String stage) {
        this.stage = stage.getBytes(StandardCharsets.US_ASCII);
    }

    ByteString of(ByteString applicationId, long revision, ByteString cause, long ordinal) {
        material.clear();
        material.put(EVENT).putShort((short) applicationId.size());
        applicationId.copyTo(material);
        material.putLong(revision).putShort((short) stage.length).put(stage);
        material.putShort((short) cause.size());
        cause.copyTo(material);
        material.putLong(ordinal);
        byte[] id = blake.digest(material.array(), material.position());
        return UnsafeByteOperations.unsafeWrap(id);
    }
}
