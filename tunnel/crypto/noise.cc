#include "tunnel/crypto/noise.h"

#include <cassert>

namespace culvert::crypto {
namespace {

constexpr std::size_t kSealedKey = PublicKey::kSize + kAeadTagSize;

tl::unexpected<Error> too_short() {
  return fail(ErrorCode::kProtocol, "session handshake message is too short: not Culvert, or cut");
}

}  // namespace

NoiseHandshake::NoiseHandshake(Role role, Bytes prologue, const KeyPair& own,
                               const PublicKey& responder_key, Random& random)
    : symmetric_("Noise_IK_25519_ChaChaPoly_SHA256"),
      own_(own),
      state_(role == Role::kInitiator ? State::kWriteFirst : State::kReadFirst) {
  symmetric_.mix_hash(prologue);
  symmetric_.mix_hash(responder_key.view());
  random.fill(ephemeral_secret_.edit());
}

NoiseHandshake NoiseHandshake::initiator(Bytes prologue, const KeyPair& own,
                                         const PublicKey& remote, Random& random) {
  NoiseHandshake handshake(Role::kInitiator, prologue, own, remote, random);
  handshake.remote_ = remote;
  return handshake;
}

NoiseHandshake NoiseHandshake::responder(Bytes prologue, const KeyPair& own, Random& random) {
  return {Role::kResponder, prologue, own, own.public_key, random};
}

Result<void> NoiseHandshake::write_message(Bytes payload, ByteVector& out) {
  if (state_ == State::kFailed)
    return fail(ErrorCode::kProtocol, "session handshake has already failed");
  assert(state_ == State::kWriteFirst || state_ == State::kWriteSecond);
  const bool first = state_ == State::kWriteFirst;
  assert(payload.size() + (first ? kOverhead1 : kOverhead2) <= kMaxMessage);
  ephemeral_ = KeyPair::from_secret(ephemeral_secret_);
  auto done = first ? write_first(payload, out) : write_second(payload, out);
  state_ = !done ? State::kFailed : first ? State::kReadSecond : State::kFinished;
  return done;
}

Result<void> NoiseHandshake::read_message(Bytes message, ByteVector& payload) {
  if (state_ != State::kReadFirst && state_ != State::kReadSecond) {
    state_ = State::kFailed;
    return fail(ErrorCode::kProtocol, "session handshake message came out of turn");
  }
  const bool first = state_ == State::kReadFirst;
  state_ = State::kFailed;
  if (message.size() > kMaxMessage)
    return fail(ErrorCode::kProtocol, "session handshake message is longer than 65535 bytes");
  auto done = first ? read_first(message, payload) : read_second(message, payload);
  if (done) state_ = first ? State::kWriteSecond : State::kFinished;
  return done;
}

Result<void> NoiseHandshake::mix_dh(const KeyPair& own, const PublicKey& peer) {
  const auto shared = diffie_hellman(own, peer);
  if (!shared) return fail(shared.error());
  symmetric_.mix_key(*shared);
  return {};
}

Result<void> NoiseHandshake::write_first(Bytes payload, ByteVector& out) {
  append(out, ephemeral_.public_key.view());
  symmetric_.mix_hash(ephemeral_.public_key.view());
  CULVERT_RETURN_IF_ERROR(mix_dh(ephemeral_, remote_));
  symmetric_.encrypt_and_hash(own_.public_key.view(), out);
  CULVERT_RETURN_IF_ERROR(mix_dh(own_, remote_));
  symmetric_.encrypt_and_hash(payload, out);
  return {};
}

Result<void> NoiseHandshake::read_first(Bytes message, ByteVector& payload) {
  if (message.size() < kOverhead1) return too_short();
  remote_ephemeral_ = PublicKey{message.first<PublicKey::kSize>()};
  symmetric_.mix_hash(remote_ephemeral_.view());
  CULVERT_RETURN_IF_ERROR(mix_dh(own_, remote_ephemeral_));
  ByteVector key;
  if (!symmetric_.decrypt_and_hash(message.subspan(PublicKey::kSize, kSealedKey), key))
    return fail(ErrorCode::kAuthentication,
                "session handshake is not for this key: the caller expects another server, or it "
                "was altered on the way");
  const PublicKey claimed{Bytes{key}.first<PublicKey::kSize>()};
  CULVERT_RETURN_IF_ERROR(mix_dh(own_, claimed));
  if (!symmetric_.decrypt_and_hash(message.subspan(PublicKey::kSize + kSealedKey), payload))
    return fail(ErrorCode::kAuthentication,
                "session handshake: the caller does not hold the key it claims");
  remote_ = claimed;
  return {};
}

Result<void> NoiseHandshake::write_second(Bytes payload, ByteVector& out) {
  append(out, ephemeral_.public_key.view());
  symmetric_.mix_hash(ephemeral_.public_key.view());
  CULVERT_RETURN_IF_ERROR(mix_dh(ephemeral_, remote_ephemeral_));
  CULVERT_RETURN_IF_ERROR(mix_dh(ephemeral_, remote_));
  symmetric_.encrypt_and_hash(payload, out);
  return {};
}

Result<void> NoiseHandshake::read_second(Bytes message, ByteVector& payload) {
  if (message.size() < kOverhead2) return too_short();
  remote_ephemeral_ = PublicKey{message.first<PublicKey::kSize>()};
  symmetric_.mix_hash(remote_ephemeral_.view());
  CULVERT_RETURN_IF_ERROR(mix_dh(ephemeral_, remote_ephemeral_));
  CULVERT_RETURN_IF_ERROR(mix_dh(own_, remote_ephemeral_));
  if (!symmetric_.decrypt_and_hash(message.subspan(PublicKey::kSize), payload))
    return fail(ErrorCode::kAuthentication,
                "session handshake: the far side does not hold the expected key, or its answer was "
                "altered on the way");
  return {};
}

NoiseHandshake::SessionKeys NoiseHandshake::split() const {
  assert(finished());
  const auto [to_responder, to_initiator] = symmetric_.split();
  return {to_responder, to_initiator, symmetric_.hash()};
}

}  // namespace culvert::crypto
