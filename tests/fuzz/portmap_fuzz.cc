// Answers of a gateway: each decoder alone, and a mapper that has asked and gets them all as the
// gateway's. The first octet says which; the mapper's input is cut by its own lengths.
#include <cstdlib>

#include "tunnel/portmap/mapper.h"
#include "tunnel/portmap/ssdp.h"

using namespace culvert;
using namespace culvert::portmap;

namespace {

class FixedRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (auto& octet : out) octet = std::byte{7};
  }
};

void run_mapper(Bytes input) {
  const Network network{IpAddress::v4(0x0a010001), IpAddress::v4(0x0a010002)};
  FixedRandom random;
  Mapper mapper(random);
  TimePoint now{std::chrono::hours{1}};
  mapper.want({Protocol::kTcp, 7443}, now);
  mapper.want({Protocol::kUdp, 7443}, now);
  mapper.set_network(network, now);
  while (input.size() >= 2) {
    const auto size = std::to_integer<std::size_t>(input[0]),
               kind = std::to_integer<std::size_t>(input[1]);
    const auto datagram = input.subspan(2, std::min(size, input.size() - 2));
    input = input.subspan(2 + datagram.size());
    now += std::chrono::milliseconds{1 << (kind % 24)};
    mapper.tick(now);
    std::size_t sent = 0;
    while (mapper.take_datagram())
      if (++sent > 64) std::abort();
    if (kind & 0x20) mapper.check(now);
    if (const auto task = mapper.take_task(now))
      mapper.igd_answered(answer_of(as_text(datagram)), now);
    mapper.receive(datagram, {network.gateway, kind & 0x40 ? kSsdpPort : kServerPort}, now);
    if (mapper.report().size() != 2) std::abort();
  }
  mapper.stop(now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  (void)decode_pcp_answer(input);
  (void)decode_nat_pmp_answer(input);
  const auto gateway = IpAddress::v4(0x0a010001);
  if (const auto url = decode_igd_answer(input, gateway); url && !parse_gateway_url(*url, gateway))
    std::abort();
  const auto answer = answer_of(as_text(input));
  if (answer && *answer_of(to_line(answer)) != *answer) std::abort();
  run_mapper(input);
  return 0;
}
