#include "tunnel/control/hello.h"

#include "tunnel/base/byte_codec.h"
#include "tunnel/control/wire_address.h"

namespace culvert::control {
namespace {

// DO NOT CHANGE THE VALUES: they are the wire.
enum class Field : std::uint8_t {
  kPurpose = 1,
  kTimestamp = 2,
  kAeads = 3,
  kSession = 4,
  kCertificate = 5,
  kName = 6,
  kSecret = 7,
  kTicket = 8,
  kRefusal = 9,
  kReason = 10,
  kAead = 11,
  kSigningKey = 12,
  kDomain = 13,
  kResume = 14,
  kSeen = 15,
  kOtherSeen = 16,
  kTlsCertificate = 17,
};
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxAeads = 16;

class FieldWriter {
 public:
  void put(Field field, Bytes value) {
    Writer out(bytes_);
    out.u8(static_cast<std::uint8_t>(field));
    out.block16(value);
  }
  void put(Field field, std::string_view text) { put(field, as_bytes(text)); }
  template <std::unsigned_integral T>
  void put_number(Field field, T value) {
    std::byte raw[sizeof(T)];
    store_be(raw, value);
    put(field, Bytes{raw});
  }
  void put(Field field, const SocketAddress& address) {
    ByteVector raw;
    append_address(raw, address);
    put(field, Bytes{raw});
  }
  ByteVector take() { return std::move(bytes_); }

 private:
  ByteVector bytes_;
};

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kProtocol, "the peer's hello is malformed");
}

template <std::size_t N>
bool read(Bytes value, std::array<std::byte, N>& into) {
  if (value.size() != N) return false;
  std::copy(value.begin(), value.end(), into.begin());
  return true;
}
template <std::unsigned_integral T>
bool read(Bytes value, T& into) {
  if (value.size() != sizeof(T)) return false;
  into = load_be<T>(value.data());
  return true;
}
bool read(Bytes value, std::string& into) {
  into = as_text(value);
  return into.size() <= kMaxName;
}

bool read(Bytes value, std::optional<SocketAddress>& into) {
  into = read_address(value);
  return into.has_value();
}

// Calls take(field, value) for each field; false from it, or bad framing, fails.
template <class F>
bool each_field(Bytes bytes, F&& take) {
  Reader in(bytes);
  while (in.ok() && !in.rest().empty()) {
    const auto field = static_cast<Field>(in.u8());
    const auto value = in.block16();
    if (!in.ok() || !take(field, value)) return false;
  }
  return in.ok();
}

}  // namespace

ByteVector encode(const Hello& hello) {
  FieldWriter out;
  out.put_number(Field::kPurpose, static_cast<std::uint8_t>(hello.purpose));
  out.put_number(Field::kTimestamp, hello.timestamp);
  out.put(Field::kAeads, std::as_bytes(std::span{hello.aeads}));
  out.put(Field::kSession, Bytes{hello.session});
  if (hello.resume != Resume::kNew)
    out.put_number(Field::kResume, static_cast<std::uint8_t>(hello.resume));
  if (!hello.certificate.empty()) out.put(Field::kCertificate, Bytes{hello.certificate});
  if (!hello.name.empty()) out.put(Field::kName, hello.name);
  if (hello.purpose == Purpose::kEnrol) out.put(Field::kSecret, Bytes{hello.secret});
  if (hello.purpose == Purpose::kCircuitAnswer) out.put(Field::kTicket, Bytes{hello.ticket});
  return out.take();
}

Result<Hello> decode_hello(Bytes bytes) {
  Hello hello;
  std::uint8_t purpose = 0, resume = 0;
  const bool whole = each_field(bytes, [&](Field field, Bytes value) {
    switch (field) {
      case Field::kPurpose: return read(value, purpose);
      case Field::kTimestamp: return read(value, hello.timestamp);
      case Field::kAeads:
        if (value.size() > kMaxAeads) return false;
        hello.aeads.assign(as_u8(value), as_u8(value) + value.size());  // repeated: the last counts
        return true;
      case Field::kSession: return read(value, hello.session);
      case Field::kCertificate: hello.certificate.assign(value.begin(), value.end()); return true;
      case Field::kName: return read(value, hello.name);
      case Field::kSecret: return read(value, hello.secret);
      case Field::kTicket: return read(value, hello.ticket);
      case Field::kResume: return read(value, resume);
      case Field::kRefusal:
      case Field::kReason:
      case Field::kAead:
      case Field::kSigningKey:
      case Field::kDomain:
      case Field::kSeen:
      case Field::kOtherSeen:
      case Field::kTlsCertificate: return false;  // an answer's
    }
    return true;  // a later version's
  });
  if (!whole || purpose < static_cast<std::uint8_t>(Purpose::kSession) ||
      purpose > static_cast<std::uint8_t>(Purpose::kCircuitAnswer) ||
      resume > static_cast<std::uint8_t>(Resume::kBeside))
    return malformed();
  hello.resume = static_cast<Resume>(resume);
  hello.purpose = static_cast<Purpose>(purpose);
  return hello;
}

ByteVector encode(const HelloAnswer& answer) {
  FieldWriter out;
  out.put_number(Field::kRefusal, static_cast<std::uint8_t>(answer.refusal));
  if (!answer.reason.empty())
    out.put(Field::kReason, std::string_view(answer.reason).substr(0, kMaxName));
  if (answer.aead != 0) out.put_number(Field::kAead, answer.aead);
  if (!answer.certificate.empty()) out.put(Field::kCertificate, Bytes{answer.certificate});
  if (!answer.signing_key.empty()) out.put(Field::kSigningKey, Bytes{answer.signing_key});
  if (!answer.domain.empty()) out.put(Field::kDomain, answer.domain);
  if (answer.seen) out.put(Field::kSeen, *answer.seen);
  if (answer.other_seen) out.put(Field::kOtherSeen, *answer.other_seen);
  if (!answer.tls_certificate.empty())
    out.put(Field::kTlsCertificate, Bytes{answer.tls_certificate});
  return out.take();
}

Result<HelloAnswer> decode_hello_answer(Bytes bytes) {
  HelloAnswer answer;
  std::uint8_t refusal = 0xff;
  const bool whole = each_field(bytes, [&](Field field, Bytes value) {
    switch (field) {
      case Field::kRefusal: return read(value, refusal);
      case Field::kReason: return read(value, answer.reason);
      case Field::kAead: return read(value, answer.aead);
      case Field::kCertificate: answer.certificate.assign(value.begin(), value.end()); return true;
      case Field::kSigningKey:
        answer.signing_key.assign(value.begin(), value.end());
        return value.size() == 32;
      case Field::kDomain: return read(value, answer.domain);
      case Field::kSeen: return read(value, answer.seen);
      case Field::kOtherSeen: return read(value, answer.other_seen);
      case Field::kTlsCertificate:
        answer.tls_certificate.assign(value.begin(), value.end());
        return value.size() == 32;
      case Field::kPurpose:
      case Field::kTimestamp:
      case Field::kAeads:
      case Field::kSession:
      case Field::kName:
      case Field::kSecret:
      case Field::kTicket:
      case Field::kResume: return false;  // a hello's
    }
    return true;
  });
  if (!whole || (refusal != 0 && !is_wire_error(refusal))) return malformed();
  answer.refusal = static_cast<ErrorCode>(refusal);
  return answer;
}

}  // namespace culvert::control
