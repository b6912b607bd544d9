// service/circuit.h: two pipes joined into one: opaque octets, half-close and abort pass in both
// directions. Knows nothing of what is inside; it could not read it anyway.
//
// Back-pressure: while one side does not take what the other sent, the other is not read; at most
// kReadAtOnce octets then wait here. An idle circuit holds no buffer. The copy is in one place
// (move_from), so that splice() can take over where both pipes are bare sockets.
#pragma once
#include <array>
#include <memory>

#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/byte_pipe.h"

namespace culvert::service {

class Circuit {
 public:
  static constexpr std::size_t kReadAtOnce = 128 * 1024;

  class Listener {
   public:
    virtual void on_circuit_ended(Circuit& circuit) = 0;  // destroy it

   protected:
    ~Listener() = default;
  };
  struct Leg {
    std::unique_ptr<loop::BytePipe> pipe;
    ByteVector received;  // read from it already, for the other side
  };

  Circuit(Leg a, Leg b, Listener& listener);
  void abort();                                     // both sides see a reset
  std::uint64_t octets() const { return octets_; }  // both directions

 private:
  struct Side final : loop::BytePipe::Listener {
    Circuit* circuit = nullptr;
    Side* other = nullptr;
    std::unique_ptr<loop::BytePipe> pipe;
    ByteQueue waiting;         // to be written to this side
    bool input_ended = false;  // this side will send nothing more
    bool output_ended = false;

    void on_readable() override { circuit->move_from(*this); }
    void on_writable() override { circuit->flush(*this); }
    void on_broken(int) override { circuit->fail(); }
  };
  void move_from(Side& from);
  void flush(Side& to);
  void settle();
  void fail();

  Listener& listener_;
  Side a_, b_;
  std::uint64_t octets_ = 0;
};

}  // namespace culvert::service
