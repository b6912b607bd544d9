// agent/identity.h: who this endpoint is since its enrolment, as a value and as the text of
// STATE_DIRECTORY/identity. The text holds the secret key: mode 0600, never logged.
//
//   culvert-identity 1
//   name web.example.net          one "key value" a line; keys and signatures in base64url
#pragma once
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/crypto/name_certificate.h"

namespace culvert::agent {

struct Identity {
  crypto::KeyPair key;
  std::string name;    // our virtual host name
  std::string domain;  // names below it are virtual
  HostPort service;
  crypto::PublicKey service_key;
  crypto::SignaturePublicKey signing_key;  // of name certificates
  ByteVector certificate;                  // ours, as signed
};

std::string encode(const Identity& identity);
// Malformed text is kBadInput. The certificate is not judged: check_identity() does.
Result<Identity> decode_identity(std::string_view text);

// The certificate must be the signing key's, for our name and our key, and valid `now`.
// kAuthentication with what to do.
Result<void> check_identity(const Identity& identity, UnixTime now);

// The same with a new certificate, which is judged likewise and ends later than the one before.
Result<Identity> renewed_identity(const Identity& identity, Bytes certificate, UnixTime now);

// From a month (at most a sixth of its life) before the end of our certificate on: when that is,
// and what to do. Else empty. The service has renewed it before then
// (service/certificate_renewal.h).
std::string expiry_warning(Bytes certificate, UnixTime now);

std::string identity_file(const std::string& state_directory);
// kNameUnknown: not enrolled; the message says how to.
Result<Identity> load_identity(const std::string& state_directory);
// Whether there is room and permission for save_identity(): asked before an invitation is used up.
Result<void> try_to_save_identity(const std::string& state_directory);
Result<void> save_identity(const std::string& state_directory, const Identity& identity);

}  // namespace culvert::agent
