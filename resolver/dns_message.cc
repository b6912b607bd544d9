#include "resolver/dns_message.h"

#include <algorithm>

#include "resolver/virtual_name.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {
namespace {

constexpr std::uint16_t kResponse = 0x8000, kOpcodeMask = 0x7800, kAuthoritative = 0x0400,
                        kTruncated = 0x0200, kRecursionDesired = 0x0100,
                        kRecursionAvailable = 0x0080, kCheckingDisabled = 0x0010;
constexpr std::uint8_t kPointer = 0xc0;
constexpr std::uint16_t kToQuestion = 0xc000 | dns::kHeader;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint32_t kDnssecOk = 0x8000;
constexpr std::size_t kMostWireName = 255;

char shown(std::byte octet) {
  const auto c = std::to_integer<char>(octet);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  return allowed ? c : '?';
}

// A name without compression: in a question there is nothing in front that it could point to.
bool read_name(Reader& in, std::string& text) {
  std::size_t octets = 1;
  for (;;) {
    const auto size = in.u8();
    if (!in.ok() || (size & kPointer) != 0) return false;
    if (size == 0) return true;
    const auto label = in.take(size);
    octets += std::size_t{size} + 1;
    if (!in.ok() || octets > kMostWireName) return false;
    if (!text.empty()) text += '.';
    std::transform(label.begin(), label.end(), std::back_inserter(text), shown);
  }
}

bool read_record(Reader& in, DnsQuery& query) {
  const auto first = in.u8();
  if (first != 0) {  // of a name that is not the root; TSIG has one
    auto size = first;
    while (in.ok() && size != 0 && (size & kPointer) == 0) {
      (void)in.take(size);
      size = in.u8();
    }
    if ((size & kPointer) != 0) (void)in.u8();
  }
  const auto type = in.u16();
  const auto klass = in.u16();
  const auto ttl = in.u32();
  (void)in.block16();
  if (!in.ok()) return false;
  if (type != dns::kOpt) return true;
  if (first != 0 || query.has_edns) return false;
  query.has_edns = true;
  query.dnssec_ok = (ttl & kDnssecOk) != 0;
  query.most_octets = std::clamp<std::size_t>(klass, dns::kSmallestUdp, dns::kLargestUdp);
  if ((ttl >> 16 & 0xff) != 0) query.fault = Rcode::kBadVersion;
  return true;
}

void put_name(Writer& writer, std::string_view name) {
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    writer.u8(static_cast<std::uint8_t>(label.size()));
    writer.bytes(as_bytes(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  writer.u8(0);
}

struct Counts {
  std::uint16_t answers = 0, authorities = 0;
};

ByteVector begin_answer(const DnsQuery& query, Rcode rcode, Counts counts, bool authoritative) {
  ByteVector out;
  Writer writer(out);
  writer.u16(query.id);
  auto flags = static_cast<std::uint16_t>(
      kResponse | kRecursionAvailable |
      (query.flags & (kOpcodeMask | kRecursionDesired | kCheckingDisabled)) |
      (static_cast<std::uint16_t>(rcode) & 0xf));
  if (authoritative) flags |= kAuthoritative;
  writer.u16(flags);
  writer.u16(query.question.empty() ? 0 : 1);
  writer.u16(counts.answers);
  writer.u16(counts.authorities);
  writer.u16(query.has_edns ? 1 : 0);
  writer.bytes(query.question);
  return out;
}

void put_edns(const DnsQuery& query, Rcode rcode, ByteVector& out) {
  if (!query.has_edns) return;
  Writer writer(out);
  writer.u8(0);
  writer.u16(dns::kOpt);
  writer.u16(dns::kLargestUdp);
  writer.u8(static_cast<std::uint8_t>(static_cast<std::uint16_t>(rcode) >> 4));
  writer.u8(0);  // version
  writer.u16(query.dnssec_ok ? kDnssecOk : 0);
  writer.u16(0);  // no options
}

// The time to live is 0 everywhere: whether a name is there changes with what listens, and a cache
// that outlives that would be wrong.
void begin_record(Writer& writer, std::uint16_t type) {
  writer.u16(kToQuestion);
  writer.u16(type);
  writer.u16(dns::kInternet);
  writer.u32(0);
}

void put_authority(const DnsQuery& query, std::string_view zone, ByteVector& out) {
  const auto at = dns::kHeader + query.name.size() - zone.size();  // one octet for each of text
  const auto to_zone = static_cast<std::uint16_t>(0xc000 | at);
  Writer writer(out);
  writer.u16(to_zone);
  writer.u16(kSoa);
  writer.u16(dns::kInternet);
  writer.u32(0);
  constexpr std::string_view kPerson = "hostmaster";
  writer.u16(static_cast<std::uint16_t>(2 + 1 + kPerson.size() + 2 + 20));
  writer.u16(to_zone);  // the server
  writer.u8(kPerson.size());
  writer.bytes(as_bytes(kPerson));
  writer.u16(to_zone);
  for (const std::uint32_t value : {1u, 3600u, 600u, 86'400u, 0u}) writer.u32(value);
}

}  // namespace

std::optional<DnsQuery> parse_dns_query(Bytes message) {
  Reader in(message);
  DnsQuery query;
  query.id = in.u16();
  query.flags = in.u16();
  const auto questions = in.u16(), answers = in.u16(), authorities = in.u16(),
             additional = in.u16();
  if (!in.ok() || (query.flags & kResponse) != 0) return std::nullopt;
  if ((query.flags & kOpcodeMask) != 0) {
    query.fault = Rcode::kNotImplemented;
    return query;
  }
  const auto bad = [&] {
    DnsQuery faulty;
    faulty.id = query.id;
    faulty.flags = query.flags;
    faulty.fault = Rcode::kFormatError;
    return faulty;
  };
  if (questions != 1 || answers != 0 || authorities != 0) return bad();
  const auto before = in.rest();
  if (!read_name(in, query.name)) return bad();
  query.type = in.u16();
  query.klass = in.u16();
  if (!in.ok()) return bad();
  const auto question = before.first(before.size() - in.rest().size());
  query.question.assign(question.begin(), question.end());
  for (int i = 0; i < additional; ++i)
    if (!read_record(in, query)) return bad();
  return in.done() ? query : bad();
}

ByteVector make_dns_answer(const DnsQuery& query, Rcode rcode, std::string_view zone) {
  const bool negative = rcode == Rcode::kNoError || rcode == Rcode::kNoSuchName;
  const bool ours = negative && !zone.empty() && is_below(query.name, zone);
  auto out = begin_answer(query, rcode, {0, static_cast<std::uint16_t>(ours ? 1 : 0)}, negative);
  if (ours) put_authority(query, zone, out);
  put_edns(query, rcode, out);
  return out;
}

ByteVector make_dns_address(const DnsQuery& query, const IpAddress& address) {
  auto out = begin_answer(query, Rcode::kNoError, {1, 0}, true);
  Writer writer(out);
  begin_record(writer, address.is_v4() ? dns::kA : dns::kAaaa);
  writer.block16(address.wire());
  put_edns(query, Rcode::kNoError, out);
  return out;
}

ByteVector make_dns_pointer(const DnsQuery& query, std::string_view name) {
  auto out = begin_answer(query, Rcode::kNoError, {1, 0}, true);
  Writer writer(out);
  begin_record(writer, dns::kPtr);
  ByteVector text;
  Writer name_writer(text);
  put_name(name_writer, name);
  writer.block16(text);
  put_edns(query, Rcode::kNoError, out);
  return out;
}

ByteVector fit_dns_answer(const DnsQuery& query, ByteVector answer) {
  if (answer.size() <= query.most_octets) return answer;
  auto out = begin_answer(query, Rcode::kNoError, {}, false);
  const auto flags = load_be<std::uint16_t>(answer.data() + 2);
  store_be(out.data() + 2, static_cast<std::uint16_t>(flags | kTruncated));
  put_edns(query, Rcode::kNoError, out);
  return out;
}

Rcode rcode_of(Bytes answer) {
  return static_cast<Rcode>(load_be<std::uint16_t>(answer.data() + 2) & 0xf);
}

std::optional<IpAddress> address_of_pointer_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".in-addr.arpa";
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  std::string turned;
  for (auto rest = name; !rest.empty();) {
    const auto dot = rest.rfind('.');
    const auto label = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
    turned += (turned.empty() ? "" : ".") + std::string(label);
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(0, dot);
  }
  const auto address = IpAddress::parse(turned);
  if (!address || !address->is_v4()) return std::nullopt;
  return *address;
}

}  // namespace culvert::resolver
