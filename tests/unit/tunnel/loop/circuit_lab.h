// One circuit between two real TCP connections on loopback. The far ends are plain descriptors that
// the test reads and writes itself; nothing sleeps.
#pragma once
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>

#include "tunnel/loop/circuit.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {

// How octets pass; every test of what a circuit does runs with each.
enum class Way : std::uint8_t { kCopied, kSpliced, kTinyPipe, kNoDescriptors, kOneLayer };
std::string name_of(Way way);

class CircuitLab final : private Circuit::Listener, private Timer::Listener {
 public:
  explicit CircuitLab(Way way);
  ~CircuitLab();
  void join(ByteVector received_from_a = {}, ByteVector received_from_b = {});

  // Turns the loop, without waiting in it, until something is so; for 20 s at most.
  template <class Condition>
  [[nodiscard]] bool until(Condition condition) {
    const auto end = Loop::precise_now() + std::chrono::seconds{20};
    while (!condition()) {
      if (Loop::precise_now() > end) return false;
      uv_run(loop_.uv(), UV_RUN_NOWAIT);
    }
    return true;
  }
  // Whether the loop sleeps: one turn lasts until a timer ends it.
  bool is_quiet();
  // Writes at `end` until nothing is taken any more and the loop is quiet; how much that was.
  std::uint64_t fill(int end);

  // The far end of each leg.
  UniqueFd a, b;
  std::unique_ptr<Circuit> circuit;
  std::optional<SplicePipePool> pool;
  bool ended = false;
  std::uint64_t octets = 0, spliced = 0;  // once it has ended

 private:
  std::unique_ptr<BytePipe> connect(UniqueFd& far);
  void on_circuit_ended(Circuit& circuit) override;
  void on_timer(Timer&) override { ++ticks_; }

  const Way way_;
  Loop loop_;
  Timer timer_;
  int ticks_ = 0;
  rlim_t descriptors_ = 0;  // the limit before, with kNoDescriptors
  std::unique_ptr<BytePipe> leg_a_, leg_b_;
};

// The octets of a direction: a pseudo-random sequence, so that a lost, repeated or moved block
// shows.
class Octets {
 public:
  explicit Octets(unsigned seed) : engine_(seed) {}
  ByteVector next(std::size_t count) {
    ByteVector out(count);
    for (auto& octet : out) {
      if (left_ == 0) {
        word_ = engine_();
        left_ = 8;
      }
      octet = static_cast<std::byte>(word_ & 0xff);
      word_ >>= 8;
      --left_;
    }
    return out;
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t word_ = 0;
  int left_ = 0;
};

// Both without waiting. read_some() appends; -1 with errno, 0 at the end, as recv().
std::size_t write_some(int fd, Bytes bytes);
ssize_t read_some(int fd, ByteVector& into, std::size_t most);

}  // namespace culvert::loop
