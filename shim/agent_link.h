// shim/agent_link.h: one conversation with the agent: connect, ask, wait with a deadline, close.
//
// Nothing stays open between questions: a descriptor kept in a stranger's process gets closed by
// close_range() and its number reused for the program's own file (a prototype then wrote its
// message into that file). A fresh link costs 7 us. Async-signal-safe: system calls and the stack.
#pragma once
#include <stddef.h>

#include "shim/wire.h"

namespace culvert::shim {

// How long a hook may keep the program when the agent is alive but does not answer.
constexpr int kHookPatienceMs = 5'000;
constexpr int kNamePatienceMs = 30'000;  // the agent may have to ask far away

culvert_question_packet make_question(culvert_question kind, uint64_t cookie = 0);
void put_ipv4(culvert_question_packet& question, uint32_t ip, uint16_t port);  // in our byte order

// Really or for now. Not for datagrams: sandboxes of their programs kill for geteuid() (chronyd).
bool has_left_root();

class AgentLink {
 public:
  explicit AgentLink(int patience_ms);
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;
  ~AgentLink();

  // False: no agent there, no valid answer, or out of patience. Signals do not cut it short.
  bool ask(const culvert_question_packet& question, culvert_answer_packet& answer);
  // The same; with it comes a descriptor, close-on-exec, or -1.
  bool ask(const culvert_question_packet& question, culvert_answer_packet& answer, int& passed);
  // The next message shows that this process holds the program's socket `fd`, by passing it along.
  // Does nothing in who was never root: only such can hold sockets that have another owner.
  void show(int fd);
  bool tell(const culvert_question_packet& question) { return tell(&question, 1); }
  bool tell(const culvert_question_packet* questions, size_t count);  // in one message
  bool open_link();  // does nothing if it is open. False: no agent there
  // That was because the program has all the descriptors that it may have.
  bool lacks_descriptor() const { return lacks_descriptor_; }

 private:
  bool tell_and_show(const culvert_question_packet* questions, size_t size);
  bool wait_for_answer();
  int remaining_ms() const;

  int fd_ = -1;
  int shown_ = -1;
  bool lacks_descriptor_ = false;
  int64_t deadline_ms_;
};

}  // namespace culvert::shim
