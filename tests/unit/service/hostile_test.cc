// What an enrolled endpoint can do to the service and to other endpoints (S6, S18, S23).
#include "hostile_endpoint.h"
#include "tunnel/control/messages.h"

namespace culvert::service {
namespace {

struct Hostile : testing::Test {
  ServiceLab lab;
  TestEndpoint mallory{lab, "mallory.example.net"};
  void SetUp() override { mallory.enrol(); }
};

ByteVector question(std::uint64_t& offset) {
  control::Lookup lookup;
  lookup.name = "nobody.example.net";
  const auto message = control::encode(lookup);
  ByteVector frames;
  for (int i = 0; i < 500; ++i) {
    append_frame(frames, mux::Data{mux::kControlStream, offset, /*last=*/false, message});
    offset += message.size();
  }
  return frames;
}

TEST_F(Hostile, WhoAsksAndReadsNoAnswerIsNotReadEither) {
  HostileEndpoint hostile(lab, mallory);
  std::uint64_t offset = 0;
  constexpr std::size_t kMost = 24u << 20;  // the sockets' buffers have some of it
  while (hostile.said() < kMost && hostile.say(question(offset))) {
  }
  EXPECT_LT(hostile.said(), kMost) << "the service keeps an answer to each question";
}

}  // namespace
}  // namespace culvert::service
