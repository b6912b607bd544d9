#include "tunnel/exchange/client_pipe.h"

#include <gtest/gtest.h>

namespace culvert::exchange {
namespace {

class NoLanes final : public LaneSource {
 public:
  void dial(Listener&) override {}
};

// Notes that it may write, says again that it wants to, and writes in its own time.
class PatientOwner final : public loop::BytePipe::Listener, public loop::Deferred {
 public:
  PatientOwner(loop::Loop& loop, loop::BytePipe& pipe) : Deferred(loop), pipe_(pipe) {}
  void on_readable() override {}
  void on_writable() override {
    ASSERT_LT(++told, 100);
    pipe_.set_interest(false, true);
    schedule();
  }
  void on_broken(int) override {}
  void run_deferred() override {
    if (++acted < 3)
      (void)pipe_.write(as_bytes("x"));
    else
      pipe_.set_interest(false, false);
  }
  int told = 0, acted = 0;

 private:
  loop::BytePipe& pipe_;
};

TEST(ClientPipe, ReachesAnOwnerThatWasInTheQueueBeforeIt) {
  SystemRandom random;
  loop::Loop loop;
  Client::Options options;
  options.authority = "service.example.net:80";
  options.service = crypto::KeyPair::generate(random).public_key;
  ClientPipe pipe(loop, std::move(*Client::make(std::move(options), random, loop.now())), nullptr,
                  std::make_unique<NoLanes>());
  loop.run_once();
  PatientOwner owner(loop, pipe);
  owner.schedule();
  pipe.set_listener(&owner);
  pipe.set_interest(false, true);
  loop.run_once();
  EXPECT_EQ(owner.acted, 3);
  EXPECT_EQ(owner.told, 3) << "once at first, and once behind each octet written";
}

}  // namespace
}  // namespace culvert::exchange
