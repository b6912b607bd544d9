// tunnel/loop/byte_pipe.h: INTERFACE of an ordered byte pipe in both directions, pull style.
//
// The owner says what it is interested in and then reads and writes by itself, so bytes go from
// the kernel to where they are wanted without a queue in between, and not reading is back-pressure.
#pragma once
#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::loop {

class Loop;

struct IoResult {
  enum class State : std::uint8_t {
    kMoved,    // `count` bytes, at least one
    kBlocked,  // nothing now: wait for on_readable() / on_writable()
    kEnd,      // the peer ended its direction in order (reading only)
    kFailed,   // the pipe is broken: `error` is an errno value
  };
  State state = State::kBlocked;
  std::size_t count = 0;
  int error = 0;

  static IoResult moved(std::size_t n) { return {State::kMoved, n, 0}; }
  static IoResult blocked() { return {}; }
  static IoResult end() { return {State::kEnd, 0, 0}; }
  static IoResult failed(int e) { return {State::kFailed, 0, e}; }
};

class BytePipe {
 public:
  // The owner may destroy the pipe from inside any of these: each is the last thing it does.
  class Listener {
   public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;
    virtual void on_broken(int error) = 0;  // aborted while nobody was reading (errno value)

   protected:
    ~Listener() = default;  // never owned through this interface
  };

  // Null: events are dropped. A pipe is handed from owner to owner (a front door greets, a session
  // takes over), so the listener can change; interest stays as it was.
  void set_listener(Listener* listener) { listener_ = listener; }

  virtual IoResult read(MutableBytes into) = 0;
  virtual IoResult write(Bytes from) = 0;
  virtual void set_interest(bool readable, bool writable) = 0;  // both off at first
  virtual void end_writing() = 0;  // all that was written still arrives, then the end (TCP: FIN)
  virtual void abort() = 0;        // the peer sees a reset; nothing more may be called but the dtor
  virtual const Error* failure() const { return nullptr; }  // if it knows more than an errno
  virtual bool refused() const { return false; }  // failure() is an answer of the far end: no
  // The address that it is connected from is not this machine's any more: nothing can come or go.
  virtual bool stranded() const { return false; }
  // Packets seem to be lost for their size, and the messages that say so as well (RFC 2923, section
  // 2.1): from now on routers may cut them. IPv4 alone.
  virtual void allow_fragments() {}
  // How many round trips of a few octets a bulk may take: more than one where bodies are stored on
  // the way, or each opens a connection of its own. What is under way has to be as much more.
  virtual int bulk_round_trips() const { return 1; }

  // To a loop of another thread, with all that was read from it or waits to be written. A pipe that
  // has left its loop has no listener, and nothing may be called but enter_loop() and the
  // destructor; one that has entered another is interested in nothing, as at first.
  virtual bool can_move() const { return false; }
  virtual void leave_loop() {}       // in the thread of the former loop; can_move()
  virtual void enter_loop(Loop&) {}  // in the thread of the next one
  virtual ~BytePipe() = default;

 protected:
  Listener* listener_ = nullptr;
};

}  // namespace culvert::loop
