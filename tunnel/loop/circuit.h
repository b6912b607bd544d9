// tunnel/loop/circuit.h: two pipes joined into one: opaque octets, half-close and abort pass in
// both directions. Knows nothing of what is inside; it could not read it anyway.
//
// Where both pipes are bare TCP sockets, bulk is spliced and never seen here (measured: half the
// CPU time of copying); where one has a layer, such as TLS, all is copied.
//
// Back-pressure: while one side does not take what the other sent, the other is not read; at most
// one move (kCopyAtOnce, kSpliceAtOnce) then waits here. An idle circuit holds no buffer and no
// pipe of the kernel.
#pragma once
#include <array>
#include <memory>

#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/splice_pipe.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::loop {

class Circuit {
 public:
  static constexpr std::size_t kCopyAtOnce = 128 * 1024;
  static constexpr std::size_t kSpliceAtOnce = 256 * 1024;
  // What comes in less is copied: a page moved costs more than 2 KiB copied, and pins all of it.
  static constexpr std::size_t kBulk = 16 * 1024;

  class Listener {
   public:
    virtual void on_circuit_ended(Circuit& circuit) = 0;  // destroy it

   protected:
    ~Listener() = default;
  };
  struct Leg {
    std::unique_ptr<BytePipe> pipe;
    ByteVector received;  // read from it already, for the other side
  };

  // `pipes`: null copies always. Must outlive the circuit.
  Circuit(Leg a, Leg b, SplicePipePool* pipes, Listener& listener);
  ~Circuit();
  void abort();                                                     // both sides see a reset
  std::uint64_t octets() const { return octets_; }                  // both directions, as read
  std::uint64_t octets_spliced() const { return octets_spliced_; }  // of these

 private:
  struct Side final : BytePipe::Listener {
    Circuit* circuit = nullptr;
    Side* other = nullptr;
    std::unique_ptr<BytePipe> pipe;
    TcpSocket* socket = nullptr;  // = pipe, where both sides are bare sockets
    // To be written to this side: one of the two.
    ByteQueue waiting;
    std::unique_ptr<SplicePipe> held;
    bool bulk = false;         // the last read from this side was large
    bool input_ended = false;  // this side will send nothing more
    bool output_ended = false;

    bool has_waiting() const { return !waiting.empty() || held != nullptr; }
    void on_readable() override { circuit->move_from(*this); }
    void on_writable() override { circuit->flush(*this); }
    void on_broken(int) override { circuit->fail(); }
  };
  void move_from(Side& from);
  IoResult copy(Side& from, std::size_t most);
  IoResult splice(Side& from);
  IoResult drain(Side& to);
  void flush(Side& to);
  void settle();
  void fail();

  Listener& listener_;
  SplicePipePool* const pipes_;
  Side a_, b_;
  std::uint64_t octets_ = 0, octets_spliced_ = 0;
};

}  // namespace culvert::loop
