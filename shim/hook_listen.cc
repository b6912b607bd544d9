// shim/hook_listen.cc: listen() first, then the agent hears of it, so that it may publish the port
// at this machine's virtual host name. Its decision changes nothing for the program. That the
// listener goes away is seen by the agent itself (inet_diag): close() is not hooked.
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/hook_question.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

void tell_listening(int fd) {
  const KeepErrno keep;
  if (!is_tcp(fd)) return;
  auto question = make_question(CULVERT_TELL_LISTENING, socket_cookie(fd));
  question.flags = CULVERT_ASKS_ACCEPTED;
  if (!put_local_address(fd, question)) return;
  // Waits for the answer: a program that says "ready" after listen() can then be reached.
  culvert_answer_packet answer;
  ask_in_hook(question, answer, fd);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int listen(int fd, int backlog) noexcept {
  using namespace culvert::shim;
  const int result = real.listen(fd, backlog);
  if (result == 0 && settings.active) tell_listening(fd);
  return result;
}
