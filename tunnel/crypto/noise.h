// tunnel/crypto/noise.h: the session handshake, Noise_IK_25519_ChaChaPoly_SHA256 (Noise revision
// 34), as a core for both roles. Two messages, then the keys of the session.
//
//   initiator -> responder   e, es, s, ss   32 + (32 + 16) + payload + 16 bytes
//   responder -> initiator   e, ee, se      32 + payload + 16 bytes
//
// It knows neither framing, nor time, nor who the peer may be: after message 1 the responder asks
// remote_static() and decides. The caller must refuse repeated first messages (replay_guard.h).
// The payload of message 1 lacks forward secrecy: whoever later steals the responder's static key
// can read it (Noise section 7.7, destination property 2). That of message 2 has it weakly: an
// active impostor needs the initiator's static key.
//
// Any failure is final: the object then answers everything with kProtocol. Messages are at most
// 65535 bytes; nothing larger than the message itself is allocated.
#pragma once
#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/crypto/noise_symmetric.h"

namespace culvert::crypto {

class NoiseHandshake {
 public:
  static constexpr std::size_t kMaxMessage = 65535;
  static constexpr std::size_t kOverhead1 = 96;  // message 1 beyond its payload
  static constexpr std::size_t kOverhead2 = 48;  // message 2 likewise

  // `prologue` is what both sides must already agree on (protocol version, carrier role).
  static NoiseHandshake initiator(Bytes prologue, const KeyPair& own, const PublicKey& remote,
                                  Random& random);
  static NoiseHandshake responder(Bytes prologue, const KeyPair& own, Random& random);

  // Both append to what they are given. Writing out of turn is our own mistake, thus asserted.
  Result<void> write_message(Bytes payload, ByteVector& out);
  Result<void> read_message(Bytes message, ByteVector& payload);

  // Responder: valid once message 1 was read, and authenticated by it.
  const PublicKey& remote_static() const { return remote_; }
  bool finished() const { return state_ == State::kFinished; }

  struct SessionKeys {
    Secret<32> initiator_to_responder;
    Secret<32> responder_to_initiator;
    std::array<std::byte, 32> handshake_hash;  // unique to this session; not secret
  };
  SessionKeys split() const;  // only when finished()

 private:
  enum class Role : std::uint8_t { kInitiator, kResponder };
  enum class State : std::uint8_t {
    kWriteFirst,
    kReadFirst,
    kWriteSecond,
    kReadSecond,
    kFinished,
    kFailed
  };

  NoiseHandshake(Role role, Bytes prologue, const KeyPair& own, const PublicKey& responder_key,
                 Random& random);
  Result<void> write_first(Bytes payload, ByteVector& out);
  Result<void> write_second(Bytes payload, ByteVector& out);
  Result<void> read_first(Bytes message, ByteVector& payload);
  Result<void> read_second(Bytes message, ByteVector& payload);
  Result<void> mix_dh(const KeyPair& own, const PublicKey& peer);

  NoiseSymmetric symmetric_;
  KeyPair own_;
  Secret<32> ephemeral_secret_;
  KeyPair ephemeral_;  // computed when first sent: a refused stranger costs no multiplication
  PublicKey remote_;
  PublicKey remote_ephemeral_;
  State state_;
};

}  // namespace culvert::crypto
