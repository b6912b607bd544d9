// service/records.h: what the service stores, as values, and under which keys. Bytes only; no
// policy.
//
//   a/endpoint/<name>      an enrolled endpoint
//   a/key/<static key>     the name that a static key belongs to: one key, one name
//   a/invitation/<hash>    an invitation that was not used yet; of its secret only the hash
//   a/floor/<static key>   newest hello accepted of that key (replay protection across restarts)
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/result.h"
#include "tunnel/base/time.h"
#include "tunnel/control/hello.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/crypto/replay_guard.h"

namespace culvert::service {

struct EndpointRecord {
  crypto::PublicKey key;
  std::uint64_t serial = 0;  // of its newest certificate
  UnixTime created{};
  UnixTime not_after{};  // of the certificate
  bool revoked = false;
  bool operator==(const EndpointRecord&) const = default;
};

struct InvitationRecord {
  std::string name;
  UnixTime created{};
  UnixTime expires{};
  bool operator==(const InvitationRecord&) const = default;
};

inline constexpr std::string_view kEndpointPrefix = "a/endpoint/";
inline constexpr std::string_view kInvitationPrefix = "a/invitation/";
inline constexpr std::string_view kFloorPrefix = "a/floor/";

std::string endpoint_key(std::string_view name);
std::string owner_key(const crypto::PublicKey& key);
std::string floor_key(const crypto::PublicKey& key);
// BLAKE2b: the secret has 128 random bits, so nothing slower is needed, and the time that looking
// up a hash takes tells nothing about a secret.
std::string invitation_key(const control::EnrolmentSecret& secret);

ByteVector encode(const EndpointRecord& record);
ByteVector encode(const InvitationRecord& record);
ByteVector encode(const crypto::ReplayGuard::Floor& floor);
// kIo: the store holds something else than we wrote.
Result<EndpointRecord> decode_endpoint(Bytes value);
Result<InvitationRecord> decode_invitation_record(Bytes value);
Result<crypto::ReplayGuard::Floor> decode_floor(Bytes value);

}  // namespace culvert::service
