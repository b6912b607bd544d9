// tunnel/control/hello.h: what the two handshake messages carry (PROTOCOL.md section 3).
//
// Fields travel as type, length, value; unknown types are skipped, so that later versions can add.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::control {

using SessionName = std::array<std::byte, 16>;    // random, chosen by the initiator
using CircuitTicket = std::array<std::byte, 16>;  // random, chosen by the service
using EnrolmentSecret = std::array<std::byte, 16>;

// DO NOT CHANGE THE VALUES: they are the wire.
enum class Purpose : std::uint8_t {
  kSession = 1,        // endpoint to service, or endpoint to endpoint
  kEnrol = 2,          // endpoint to service: turn an invitation into a name certificate
  kCircuitCall = 3,    // endpoint to service: behind the handshake, opaque octets to `name`
  kCircuitAnswer = 4,  // endpoint to service: the other leg, named by `ticket`
};

// What a hello of purpose kSession wants of the session it names.
// DO NOT CHANGE THE VALUES: they are the wire.
enum class Resume : std::uint8_t {
  kNew = 0,       // begin it
  kExisting = 1,  // go on with it; refused with kClosed if it is not there (any more)
  kEither = 2,    // an earlier hello for it may have been lost: go on with it, or begin it
  kBeside = 3,    // be its interactive lane, beside the carrier that it has; refused as kExisting
};

struct Hello {
  Purpose purpose = Purpose::kSession;
  std::uint64_t timestamp = 0;      // Unix nanoseconds; each accepted once (replay protection)
  std::vector<std::uint8_t> aeads;  // crypto::AeadAlgorithm values, preferred first
  SessionName session{};
  Resume resume = Resume::kNew;
  ByteVector certificate;    // the caller's name certificate; none when enrolling
  std::string name;          // kEnrol: name wanted. kCircuitCall: endpoint called
  EnrolmentSecret secret{};  // kEnrol
  CircuitTicket ticket{};    // kCircuitAnswer

  bool operator==(const Hello&) const = default;
};

struct HelloAnswer {
  ErrorCode refusal = ErrorCode::kNone;
  std::string reason;      // of a refusal; shown to people
  std::uint8_t aead = 0;   // chosen among Hello::aeads; kSession only
  ByteVector certificate;  // kEnrol: the new name certificate
  ByteVector signing_key;  // kEnrol: the service's Ed25519 public key (32 octets)
  std::string domain;      // kEnrol: the service domain
  // kSession, of the service: the initiator's own address, as it is seen from there.
  std::optional<SocketAddress> seen;
  // kCircuitCall, kCircuitAnswer: the other endpoint's address, as the service sees it.
  std::optional<SocketAddress> other_seen;
  // kSession, of the service, also with a refusal: SHA-256 of the certificate that it shows in TLS,
  // so that the initiator can tell whether somebody in between showed another.
  ByteVector tls_certificate;

  bool operator==(const HelloAnswer&) const = default;
};

ByteVector encode(const Hello& hello);
Result<Hello> decode_hello(Bytes bytes);
ByteVector encode(const HelloAnswer& answer);
Result<HelloAnswer> decode_hello_answer(Bytes bytes);

}  // namespace culvert::control
