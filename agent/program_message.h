// agent/program_message.h: addresses and messages (struct msghdr) in the memory of a program that
// waits in a call. What is read is a copy: the program's threads may change theirs meanwhile.
#pragma once
#include <sys/socket.h>

#include <span>
#include <vector>

#include "agent/notified_call.h"
#include "agent/supervised_names.h"

namespace culvert::agent {

// Nothing: not one that we judge; the kernel shall.
std::optional<ProgramAddress> read_address(const NotifiedCall& call, unsigned pointer,
                                           unsigned length);
// As the kernel does it: what fits, and the true length.
bool write_value(const NotifiedCall& call, unsigned pointer, unsigned length_pointer,
                 const void* value, socklen_t size);

struct ProgramMessage {
  static constexpr std::size_t kLargest = 65'536;  // octets of content, and of control data
  static constexpr std::size_t kMostParts = 1024;  // UIO_MAXIOV

  std::uint64_t at = 0;   // where the program has it
  msghdr header{};        // its pointers are the program's
  ProgramAddress name{};  // length 0: none
  std::vector<iovec> parts{};
  std::vector<char> content{}, control{};

  // All but `parts`, `content` and `control`: whom it goes to. False: not there, or not as the
  // kernel wants it.
  bool read_name(const NotifiedCall& call, std::uint64_t from);
  // Makes room for what it offers, at most kLargest; `filled`: with the program's content and
  // control data, to be sent. 0, or an errno as the kernel gives it.
  int make_room(const NotifiedCall& call, bool filled);
  // Of our own memory; valid until this one changes.
  msghdr as_ours(iovec& all);
  // What was received in `ours`, of that many octets. False: the program's memory is not there.
  bool write_back(const NotifiedCall& call, const msghdr& ours, std::size_t size);
};

}  // namespace culvert::agent
