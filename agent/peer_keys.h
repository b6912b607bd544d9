// agent/peer_keys.h: which static key each remote endpoint has, by certificates of the service that
// were verified, and pinned: a certificate that is older than the one seen last is refused, so a
// service that was broken into for a while cannot go back to a key it once issued.
//
// Does no I/O and reads no clock. Bounded: kMost names, the pins of further ones are not kept.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "tunnel/crypto/name_certificate.h"

namespace culvert::agent {

class PeerKeys {
 public:
  static constexpr std::size_t kMost = 50'000;

  explicit PeerKeys(const crypto::SignaturePublicKey& signer) : signer_(signer) {}

  // Verifies and pins. kAuthentication: not signed for us, expired, or older than the pin.
  Result<crypto::NameCertificate> accept(Bytes certificate, UnixTime now);
  // The same for an answer about `name`. kAuthentication, too: it is another name's; nothing is
  // pinned then.
  Result<crypto::NameCertificate> accept_of(const std::string& name, Bytes certificate,
                                            UnixTime now);

  // A key accepted since the start, whose certificate is still valid and which is not in doubt.
  std::optional<crypto::PublicKey> known(const std::string& name, UnixTime now) const;
  bool is_pinned(const std::string& name) const { return pins_.contains(name); }
  void doubt(const std::string& name);  // its holder did not answer: ask the service again

  std::string snapshot() const;              // lines "name key serial"
  Result<void> load(std::string_view text);  // kBadInput: malformed; nothing is taken then
  bool take_changed() { return std::exchange(changed_, false); }
  std::size_t size() const { return pins_.size(); }

 private:
  struct Pin {
    crypto::PublicKey key;
    std::uint64_t serial = 0;
    UnixTime usable_until = UnixTime::min();
  };
  Result<crypto::NameCertificate> remember(crypto::NameCertificate certificate);

  crypto::SignaturePublicKey signer_;
  std::map<std::string, Pin> pins_;
  bool changed_ = false;
};

}  // namespace culvert::agent
