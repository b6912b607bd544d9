// shim/prepared_connect.h: the agent's part in one connect of the program's own socket.
//
//   prepare()   the agent holds the virtual address: SYNs to it are swallowed
//   ...         the caller starts the REAL connect to peer(), without waiting
//   announce()  the agent learns which socket is now in SYN_SENT and may complete or fail it
//
// Dropped before announce(): the agent forgets it.
//
// Where the agent has said not long ago that it holds this address (shim/recent_holds.h), recall()
// takes the place of prepare(): announce() then asks and tells in one message, and nobody waits.
#pragma once
#include "shim/agent_link.h"
#include "shim/virtual_peer.h"

namespace culvert::shim {

class PreparedConnect {
 public:
  enum class Verdict {
    kConnect,  // go on to peer()
    kNotOurs,  // do what the program asked for, as if there were no shim
    kFailed,   // with error(), at once
  };

  // `wanted` must outlive it.
  PreparedConnect(int fd, const VirtualPeer& wanted) : fd_(fd), wanted_(wanted) {}
  bool recall();  // false: call prepare()
  void forget();  // after recall(): the hold is gone, so call prepare()
  Verdict prepare();
  // `real_error` is the errno of the real connect, 0 if it succeeded at once.
  void announce(int real_error);

  // It failed because the program has all the descriptors that it may have.
  bool lacks_descriptor() const { return link_.lacks_descriptor(); }
  const VirtualPeer& peer() const { return peer_; }
  int error() const { return error_; }

 private:
  culvert_question_packet question() const;

  int fd_;
  const VirtualPeer& wanted_;
  VirtualPeer peer_ = wanted_;
  AgentLink link_{kHookPatienceMs};
  uint64_t cookie_ = 0;
  int error_ = 0;
  bool asked_ = false;
};

// Why the agent failed this socket's last connect; 0 if it did not, or is not there.
int error_known_to_agent(int fd);
// That, where `kernel_error` may be only what the agent could make the kernel say.
int true_error(int fd, int kernel_error);

}  // namespace culvert::shim
