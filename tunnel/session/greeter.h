// tunnel/session/greeter.h: the responder's first seconds on a fresh pipe: reads the hello, lets
// the owner judge it, writes the answer. What comes next (session, circuit, end) is the owner's.
//
// Bounds before anybody is authenticated (S6): one message, `limit` of time.
#pragma once
#include <memory>

#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/handshake.h"

namespace culvert::session {

class Greeter final : private loop::BytePipe::Listener, private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // Call answer() on the greeter now or later. `greeting` may be moved from.
    virtual void on_greeted(Greeter& greeter, ResponderHandshake::Greeting& greeting) = 0;
    // After answer(): take_*() give the pipe and what is needed to go on. Destroy the greeter.
    virtual void on_answered(Greeter& greeter) = 0;
    // No hello came in time, or it was malformed. Destroy the greeter.
    virtual void on_greeting_failed(Greeter& greeter, const Error& why) = 0;

   protected:
    ~Listener() = default;
  };

  // `received`: octets read from the pipe already, the magic included.
  Greeter(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
          const crypto::KeyPair& self, Random& random, Duration limit, Listener& listener);

  void answer(const control::HelloAnswer& answer);

  std::unique_ptr<loop::BytePipe> take_pipe() { return std::move(pipe_); }
  ByteVector take_received() { return std::move(received_); }  // behind the first message
  DirectionKeys keys() { return handshake_.keys(); }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void process();
  void failed(const Error& why);

  Listener& listener_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector received_;
  ByteQueue output_;
  ResponderHandshake handshake_;
  loop::Timer timer_;
  Duration limit_{};
  bool looked_at_received_ = false;
};

}  // namespace culvert::session
