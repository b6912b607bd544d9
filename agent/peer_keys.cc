#include "agent/peer_keys.h"

#include <charconv>

#include "resolver/virtual_name.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

Result<crypto::NameCertificate> PeerKeys::accept(Bytes encoded, UnixTime now) {
  auto certificate = crypto::NameCertificate::verify(encoded, signer_, now);
  if (!certificate) return fail(certificate.error());
  return remember(std::move(*certificate));
}

Result<crypto::NameCertificate> PeerKeys::accept_of(const std::string& name, Bytes encoded,
                                                    UnixTime now) {
  auto certificate = crypto::NameCertificate::verify(encoded, signer_, now);
  if (!certificate) return fail(certificate.error());
  if (certificate->name != name)
    return fail(ErrorCode::kAuthentication,
                "the service answered for " + certificate->name + ", asked for " + name);
  return remember(std::move(*certificate));
}

Result<crypto::NameCertificate> PeerKeys::remember(crypto::NameCertificate certificate) {
  const auto known = pins_.find(certificate.name);
  if (known == pins_.end()) {
    if (pins_.size() >= kMost) return certificate;
    pins_[certificate.name] = {certificate.key, certificate.serial, certificate.not_after};
    changed_ = true;
    return certificate;
  }
  auto& pin = known->second;
  const bool other_key = pin.key != certificate.key;
  if (certificate.serial < pin.serial || (other_key && certificate.serial == pin.serial))
    return fail(ErrorCode::kAuthentication,
                "the certificate of " + certificate.name + " (serial " +
                    std::to_string(certificate.serial) + ") is older than one seen before (" +
                    std::to_string(pin.serial) + "): it was replaced, or somebody poses as it");
  if (other_key)
    log::warning("peer", {{"event", "key-changed"},
                          {"name", certificate.name},
                          {"old", pin.key.to_string()},
                          {"new", certificate.key.to_string()},
                          {"serial", certificate.serial}});
  changed_ = changed_ || other_key || certificate.serial != pin.serial;
  pin = {certificate.key, certificate.serial, certificate.not_after};
  return certificate;
}

std::optional<crypto::PublicKey> PeerKeys::known(const std::string& name, UnixTime now) const {
  const auto found = pins_.find(name);
  if (found == pins_.end() || now > found->second.usable_until) return std::nullopt;
  return found->second.key;
}

void PeerKeys::doubt(const std::string& name) {
  const auto found = pins_.find(name);
  if (found != pins_.end()) found->second.usable_until = UnixTime::min();
}

std::string PeerKeys::snapshot() const {
  std::string text;
  for (const auto& [name, pin] : pins_)
    text += name + " " + pin.key.to_string() + " " + std::to_string(pin.serial) + "\n";
  return text;
}

Result<void> PeerKeys::load(std::string_view text) {
  std::map<std::string, Pin> pins;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto first = line.find(' ');
    const auto second = line.find(' ', first == line.npos ? first : first + 1);
    if (second == line.npos || pins.size() >= kMost)
      return fail(ErrorCode::kBadInput, "line " + std::to_string(number) + " is malformed");
    const auto name = resolver::canonical_name(line.substr(0, first));
    const auto key = crypto::PublicKey::parse(line.substr(first + 1, second - first - 1));
    const auto serial = line.substr(second + 1);
    Pin pin;
    const auto end = serial.data() + serial.size();
    const auto read = std::from_chars(serial.data(), end, pin.serial);
    if (!name || !key || read.ec != std::errc{} || read.ptr != end)
      return fail(ErrorCode::kBadInput, "line " + std::to_string(number) + " is malformed");
    pin.key = *key;
    pins[*name] = pin;
  }
  pins_ = std::move(pins);
  return {};
}

}  // namespace culvert::agent
