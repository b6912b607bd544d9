#include "circuit_lab.h"

#include "tunnel/loop/forwarding_pipe.h"

namespace culvert::loop {
namespace {

// What TLS is to a circuit: a pipe that is no socket.
using LayeredPipe = ForwardingPipe;

}  // namespace

std::string name_of(Way way) {
  switch (way) {
    case Way::kCopied: return "Copied";
    case Way::kSpliced: return "Spliced";
    case Way::kTinyPipe: return "TinyPipe";
    case Way::kNoDescriptors: return "NoDescriptors";
    case Way::kOneLayer: return "OneLayer";
  }
  return "";
}

CircuitLab::CircuitLab(Way way) : way_(way), timer_(loop_, *this) {
  leg_a_ = connect(a);
  leg_b_ = connect(b);
  if (way == Way::kOneLayer) leg_b_ = std::make_unique<LayeredPipe>(std::move(leg_b_));
  if (way != Way::kCopied) pool.emplace(way == Way::kTinyPipe ? 1 : SplicePipe::kCapacity);
  if (way == Way::kNoDescriptors) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    descriptors_ = std::exchange(limit.rlim_cur, 3);
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_EQ(pool->take(), nullptr);
  }
}

CircuitLab::~CircuitLab() {
  circuit.reset();  // before the loop
  if (way_ != Way::kNoDescriptors) return;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = descriptors_;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::unique_ptr<BytePipe> CircuitLab::connect(UniqueFd& far) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  EXPECT_EQ(::bind(listener.get(), address, length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), address, &length), 0);
  far.reset(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(::connect(far.get(), address, length), 0);
  return std::make_unique<TcpSocket>(loop_, UniqueFd(::accept(listener.get(), nullptr, nullptr)));
}

void CircuitLab::join(ByteVector received_from_a, ByteVector received_from_b) {
  circuit =
      std::make_unique<Circuit>(Circuit::Leg{std::move(leg_a_), std::move(received_from_a)},
                                Circuit::Leg{std::move(leg_b_), std::move(received_from_b)},
                                pool ? &*pool : nullptr, static_cast<Circuit::Listener&>(*this));
}

void CircuitLab::on_circuit_ended(Circuit&) {
  octets = circuit->octets();
  spliced = circuit->octets_spliced();
  circuit.reset();
  ended = true;
}

bool CircuitLab::is_quiet() {
  const int before = ticks_;
  timer_.start(std::chrono::milliseconds{30});
  // A socket that was not read until it was empty has a last turn or two to find that out.
  for (int turn = 0; turn < 4 && ticks_ == before; ++turn) loop_.run_once();
  timer_.stop();
  return ticks_ > before;
}

std::uint64_t CircuitLab::fill(int end) {
  const ByteVector block(64 * 1024);
  std::uint64_t taken = 0;
  EXPECT_TRUE(until([&] {
    const auto count = write_some(end, block);
    taken += count;
    return count == 0 && is_quiet();
  }));
  return taken;
}

std::size_t write_some(int fd, Bytes bytes) {
  const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

ssize_t read_some(int fd, ByteVector& into, std::size_t most) {
  const auto before = into.size();
  into.resize(before + most);
  const auto count = ::recv(fd, into.data() + before, most, MSG_DONTWAIT);
  into.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return count;
}

}  // namespace culvert::loop
