// What any program of this machine may send to the agent's name server, by UDP and by TCP.
#include <cstdlib>

#include "resolver/dns_message.h"
#include "resolver/dns_tcp_client.h"
#include "resolver/virtual_name.h"

using namespace culvert;

namespace {

void answer(Bytes message) {
  const auto query = resolver::parse_dns_query(message);
  if (!query) return;
  if (query->name.size() > 254) std::abort();
  const auto canonical = resolver::canonical_name(query->name);
  const std::string_view zone = canonical ? std::string_view(*canonical) : "net";
  for (const auto& reply : {resolver::make_dns_answer(*query, query->fault, zone),
                            resolver::make_dns_address(*query, IpAddress::v4(1)),
                            resolver::make_dns_pointer(*query, zone)}) {
    if (resolver::parse_dns_query(reply)) std::abort();  // an answer is no question
    if (resolver::fit_dns_answer(*query, reply).size() > query->most_octets) std::abort();
  }
  (void)resolver::address_of_pointer_name(query->name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  answer(bytes);
  resolver::DnsFraming framing;
  framing.receive(bytes);
  for (ByteVector message; framing.take(message);) answer(message);
  return 0;
}
