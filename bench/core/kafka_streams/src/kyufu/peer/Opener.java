package kyufu.peer;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.spec.NamedParameterSpec;
import java.security.spec.XECPrivateKeySpec;
import java.security.spec.XECPublicKeySpec;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import kyufu.events.v1.Common.Sealed;

/**
 * Opens sealed values as chassis/sealing.py does: AES-256-GCM under a data key that is wrapped to an
 * X25519 key. Unwrapped data keys are cached. Not thread-safe: one a processor.
 */
final class Opener {
    private static final int RAW_KEY_BYTES = 32;
    private static final int TAG_BITS = 128;
    private static final int CACHE_KEYS = 4096;
    private static final byte[] WRAP_INFO =
            "kyufu sealing v1 ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] WRAP_NONCE = new byte[12];

    private record Own(PrivateKey key, byte[] publicBytes) {}

    private record Wrapped(int purpose, String keyId, ByteString bytes) {}

    private final Map<String, Own> keys = new HashMap<>();
    private final Map<Wrapped, SecretKeySpec> dataKeys =
            new LinkedHashMap<>(256, 0.75f, true) {
                @Override
                protected boolean removeEldestEntry(Map.Entry<Wrapped, SecretKeySpec> eldest) {
                    return size() > CACHE_KEYS;
                }
            };
    private final Cipher cipher;

    Opener(Path... privateKeys) throws GeneralSecurityException, IOException {
        cipher = Cipher.getInstance("AES/GCM/NoPadding");
        KeyFactory factory = KeyFactory.getInstance("X25519");
        for (Path path : privateKeys) {
            PrivateKey key = factory.generatePrivate(
                    new XECPrivateKeySpec(NamedParameterSpec.X25519, Files.readAllBytes(path)));
            byte[] base = new byte[RAW_KEY_BYTES];
            base[0] = 9;
            byte[] publicBytes = agree(key, base);
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(publicBytes);
            keys.put(HexFormat.of().formatHex(digest, 0, 8), new Own(key, publicBytes));
        }
    }

    /** The plaintext; throws where the value is another's or was altered. */
    byte[] open(Sealed sealed, String ownerKind, ByteString ownerId, String field)
            throws GeneralSecurityException {
        if (!sealed.getOwnerKind().equals(ownerKind)
                || !sealed.getOwnerId().equals(ownerId)
                || !sealed.getField().equals(field)) {
            throw new GeneralSecurityException("sealed for another owner or field");
        }
        Wrapped wrapped =
                new Wrapped(sealed.getPurposeValue(), sealed.getKeyId(), sealed.getWrappedKey());
        SecretKeySpec key = dataKeys.get(wrapped);
        if (key == null) {
            key = unwrap(wrapped);
            dataKeys.put(wrapped, key);
        }
        byte[] nonce = sealed.getNonce().toByteArray();
        cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(TAG_BITS, nonce));
        cipher.updateAAD(associated(sealed));
        return cipher.doFinal(sealed.getCiphertext().toByteArray());
    }

    private SecretKeySpec unwrap(Wrapped wrapped) throws GeneralSecurityException {
        Own own = keys.get(wrapped.keyId());
        if (own == null) {
            throw new GeneralSecurityException("no private key for this value");
        }
        byte[] all = wrapped.bytes().toByteArray();
        byte[] ephemeral = Arrays.copyOf(all, RAW_KEY_BYTES);
        byte[] salt = Arrays.copyOf(ephemeral, 2 * RAW_KEY_BYTES);
        System.arraycopy(own.publicBytes(), 0, salt, RAW_KEY_BYTES, RAW_KEY_BYTES);
        byte[] info = ByteBuffer.allocate(WRAP_INFO.length + 4)
                .put(WRAP_INFO).putInt(wrapped.purpose()).array();
        SecretKeySpec wrapping =
                new SecretKeySpec(hkdf(agree(own.key(), ephemeral), salt, info), "AES");
        cipher.init(Cipher.DECRYPT_MODE, wrapping, new GCMParameterSpec(TAG_BITS, WRAP_NONCE));
        cipher.updateAAD(wrapped.keyId().getBytes(StandardCharsets.UTF_8));
        byte[] secret = cipher.doFinal(all, RAW_KEY_BYTES, all.length - RAW_KEY_BYTES);
        return new SecretKeySpec(secret, "AES");
    }

    /** HKDF-SHA256 (RFC 5869) for one block of output. */
    static byte[] hkdf(byte[] secret, byte[] salt, byte[] info) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(salt, "HmacSHA256"));
        byte[] pseudorandom = mac.doFinal(secret);
        mac.init(new SecretKeySpec(pseudorandom, "HmacSHA256"));
        mac.update(info);
        mac.update((byte) 1);
        return mac.doFinal();
    }

    private static byte[] agree(PrivateKey key, byte[] publicBytes)
            throws GeneralSecurityException {
        byte[] reversed = new byte[RAW_KEY_BYTES];
        for (int i = 0; i < RAW_KEY_BYTES; i++) {
            reversed[i] = publicBytes[RAW_KEY_BYTES - 1 - i];
        }
        reversed[0] &= 0x7f;
        KeyAgreement agreement = KeyAgreement.getInstance("X25519");
        agreement.init(key);
        agreement.doPhase(
                KeyFactory.getInstance("X25519").generatePublic(new XECPublicKeySpec(
                        NamedParameterSpec.X25519, new BigInteger(1, reversed))),
                true);
        return agreement.generateSecret();
    }

    private static byte[] associated(Sealed sealed) {
        ByteString kind = sealed.getOwnerKindBytes();
        ByteString owner = sealed.getOwnerId();
        ByteString field = sealed.getFieldBytes();
        ByteBuffer out =
                ByteBuffer.allocate(16 + kind.size() + owner.size() + field.size());
        out.putInt(sealed.getPurposeValue());
        for (ByteString part : new ByteString[] {kind, owner, field}) {
            out.putInt(part.size());
            part.copyTo(out);
        }
        return out.array();
    }
}
