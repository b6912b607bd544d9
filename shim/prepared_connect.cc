#include "shim/prepared_connect.h"

#include <errno.h>

#include "shim/hook_question.h"
#include "shim/recent_holds.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

// The errors by which a connect in SYN_SENT can end: a RST, an ICMP message, the agent's shutdown
// of a dup (ECONNRESET), the SYN timer.
bool may_stand_for_another(int error) {
  return error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT ||
         error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

culvert_question_packet PreparedConnect::question() const {
  auto question = make_question(CULVERT_ASK_CONNECT, cookie_);
  if (wanted_.family() == AF_INET6) question.flags |= CULVERT_MAPPED_V6;
  put_peer(question, wanted_);
  return question;
}

// Without an agent no connect may begin: somebody else could answer.
bool PreparedConnect::recall() {
  if (wanted_.ordinary || !move_to_recent_hold(peer_)) return false;
  cookie_ = socket_cookie(fd_);
  if (cookie_ != 0 && link_.open_link()) return true;
  peer_ = wanted_;
  return false;
}

void PreparedConnect::forget() {
  forget_hold(wanted_);
  peer_ = wanted_;
}

PreparedConnect::Verdict PreparedConnect::prepare() {
  cookie_ = socket_cookie(fd_);
  asked_ = true;
  culvert_answer_packet answer;
  // Fail closed: nobody else may answer for a virtual address.
  error_ = ECONNREFUSED;
  if (has_left_root()) link_.show(fd_);
  if (!link_.ask(question(), answer))
    return wanted_.ordinary ? Verdict::kNotOurs : Verdict::kFailed;
  if (answer.verdict == CULVERT_NOT_OURS) return Verdict::kNotOurs;
  if (answer.verdict == CULVERT_FAIL && answer.error > 0) error_ = answer.error;
  if (answer.verdict != CULVERT_HOLD || answer.family != AF_INET) return Verdict::kFailed;
  if (wanted_.ordinary && !may_reach_pool(fd_)) return Verdict::kNotOurs;
  const uint8_t held_at[4] = {answer.address[0], answer.address[1], answer.address[2],
                              answer.address[3]};
  peer_.move_to(held_at, answer.port);
  if (!wanted_.ordinary && (answer.flags & CULVERT_HOLDS_ON) != 0) remember_hold(wanted_, peer_);
  error_ = 0;
  return Verdict::kConnect;
}

void PreparedConnect::announce(int real_error) {
  if (real_error != 0 && real_error != EINPROGRESS) return;
  auto connecting = make_question(CULVERT_TELL_CONNECTING, cookie_);
  if (!put_local_address(fd_, connecting)) return;
  if (asked_) {
    link_.tell(connecting);
    return;
  }
  const culvert_question_packet both[] = {question(), connecting};
  if (has_left_root()) link_.show(fd_);
  link_.tell(both, 2);
}

int error_known_to_agent(int fd) {
  const uint64_t cookie = socket_cookie(fd);
  if (!settings.active || cookie == 0) return 0;
  culvert_answer_packet answer;
  if (!ask_in_hook(make_question(CULVERT_ASK_ERROR, cookie), answer)) return 0;
  return answer.verdict == CULVERT_FOUND && answer.error > 0 ? answer.error : 0;
}

int true_error(int fd, int kernel_error) {
  if (!may_stand_for_another(kernel_error)) return kernel_error;
  const int known = error_known_to_agent(fd);
  return known != 0 ? known : kernel_error;
}

}  // namespace culvert::shim
