// resolver/dns_message.h: questions to a name server as values, and the answers to them (RFC 1035,
// EDNS of RFC 6891). Knows no names, no sockets: strict where it parses, since anybody on this
// machine may send anything; small where it writes, since a virtual name has one address and no
// other data. What it does not understand is not lost: the message can be passed on as it came.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::resolver {

enum class Rcode : std::uint16_t {  // RFC 1035 section 4.1.1, RFC 6891 section 9
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,
};

namespace dns {  // types and classes that we look at
inline constexpr std::uint16_t kA = 1, kPtr = 12, kAaaa = 28, kOpt = 41, kSvcb = 64, kHttps = 65,
                               kAny = 255, kInternet = 1;
inline constexpr std::size_t kHeader = 12;
inline constexpr std::size_t kSmallestUdp = 512;  // RFC 1035 section 4.2.1
inline constexpr std::size_t kLargestUdp = 1232;  // passes every path unfragmented (flag day 2020)
}  // namespace dns

struct DnsQuery {
  std::uint16_t id = 0, flags = 0;
  std::uint16_t type = 0, klass = 0;
  // Lower case, without the final dot. An octet that no host name has is shown as '?': such a name
  // is not canonical (virtual_name.h), but its end can still be compared.
  std::string name;
  ByteVector question;  // as it came: answers repeat its letters' case (draft-vixie-dns-0x20)
  bool has_edns = false, dnssec_ok = false;
  std::size_t most_octets = dns::kSmallestUdp;  // of an answer by UDP
  Rcode fault = Rcode::kNoError;                // else this is the answer, and only id is certain
};

// Nothing: not a query, so it must not be answered (or two servers would talk for ever).
std::optional<DnsQuery> parse_dns_query(Bytes message);

// Without an answer. `zone` (canonical, or empty): where `query.name` is below it, its SOA says for
// how long "no" may be remembered (RFC 2308): not at all.
ByteVector make_dns_answer(const DnsQuery& query, Rcode rcode, std::string_view zone = {});
ByteVector make_dns_address(const DnsQuery& query, const IpAddress& address);
ByteVector make_dns_pointer(const DnsQuery& query, std::string_view name);  // canonical

// What a client that takes `query.most_octets` by UDP is sent of `answer`: all of it, or the
// question and TC, which makes it ask again by TCP.
ByteVector fit_dns_answer(const DnsQuery& query, ByteVector answer);

Rcode rcode_of(Bytes answer);  // without its extension; at least a header

// The address that "4.3.2.1.in-addr.arpa" asks for.
std::optional<IpAddress> address_of_pointer_name(std::string_view name);

}  // namespace culvert::resolver
