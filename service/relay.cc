#include "service/relay.h"

#include <algorithm>

#include "service/client_link.h"
#include "tunnel/base/log.h"

namespace culvert::service {
namespace {

// Beside the names of endpoints, which have no space in them.
std::string pair_of(const std::string& caller, const std::string& callee) {
  return caller + " " + callee;
}

}  // namespace

Relay::Relay(loop::Loop& loop, loop::Mailbox& mailbox, const loop::LoopThreads& threads,
             const Limits& limits, const Directory& directory, Random& random)
    : loop_(loop),
      limits_(limits),
      directory_(directory),
      random_(random),
      self_(*this, mailbox),
      circuits_(loop, threads, static_cast<loop::Circuits::Listener&>(*this)),
      timer_(loop, *this) {}

Relay::~Relay() { self_.forget(); }

void Relay::refuse(Visitor& visitor, ErrorCode code, const std::string& reason) {
  control::HelloAnswer answer;
  answer.refusal = code;
  answer.reason = reason;
  visitor.answer(answer);
}

std::size_t Relay::counted(const std::string& whose) const {
  const auto found = counts_.find(whose);
  return found == counts_.end() ? 0 : found->second;
}

std::optional<std::string> Relay::no_room(const std::string& caller,
                                          const std::string& callee) const {
  const auto most = limits_.circuits_per_endpoint;
  for (const auto& endpoint : {caller, callee})
    if (counted(endpoint) >= most)
      return endpoint + " takes part in too many circuits (limits.circuits_per_endpoint)";
  if (counted(pair_of(caller, callee)) >= std::max(kLeastOfPair, most / kPartOfPair))
    return caller + " has too many circuits to " + callee +
           " (a part of limits.circuits_per_endpoint)";
  return std::nullopt;
}

void Relay::count(const std::string& caller, const std::string& callee, int change) {
  for (const auto& whose : {caller, callee, pair_of(caller, callee)}) {
    const auto found = counts_.try_emplace(whose, 0).first;
    found->second += static_cast<std::size_t>(change);
    if (found->second == 0) counts_.erase(found);
  }
}

void Relay::call(Visitor& visitor, const Principal& caller, const std::string& callee) {
  if (const auto client = directory_.reachable(callee, caller.name, loop_.now()))
    return ring(visitor, caller.name, callee, client->link);
  const auto question = ++last_question_;
  asking_.emplace(question, Asking{&visitor, {caller.name, callee}});
  directory_.ask_again(callee, self_, [question](Relay& relay) { relay.look_again(question); });
}

void Relay::look_again(Question question) {
  const auto asked = asking_.extract(question);
  if (asked.empty()) return;  // the visitor has left
  const auto& [visitor, names] = asked.mapped();
  const auto client = directory_.reachable(names.callee, names.caller, loop_.now());
  if (client) return ring(*visitor, names.caller, names.callee, client->link);
  refuse(*visitor, ErrorCode::kNameUnknown,
         "no endpoint " + names.callee + " is online with a published port");
}

void Relay::ring(Visitor& visitor, const std::string& caller, const std::string& callee,
                 const loop::Remote<ClientLink>& at) {
  if (const auto why = no_room(caller, callee)) return refuse(visitor, ErrorCode::kExhausted, *why);
  Ticket ticket;
  random_.fill(ticket);
  Meeting meeting;
  meeting.caller = caller;
  meeting.callee = callee;
  meeting.call.visitor = &visitor;
  meeting.until = loop_.now() + limits_.circuit_answer;
  count(meeting.caller, meeting.callee, 1);
  meetings_.emplace(ticket, std::move(meeting));
  waiting_.emplace(&visitor, ticket);
  arm_timer();
  at.post([ringing = control::Incoming{ticket, caller}](ClientLink& link) { link.send(ringing); });
}

void Relay::answer(Visitor& visitor, const Principal& callee, const Ticket& ticket) {
  const auto found = meetings_.find(ticket);
  if (found == meetings_.end() || found->second.callee != callee.name || !found->second.until)
    return refuse(visitor, ErrorCode::kTimedOut, "nobody waits for this circuit any more");
  auto& meeting = found->second;
  meeting.until.reset();
  meeting.answer.visitor = &visitor;
  waiting_.emplace(&visitor, ticket);
  auto* const caller = meeting.call.visitor;
  // Each learns where the other one comes from: for a path without the relay.
  control::HelloAnswer to_callee, to_caller;
  to_callee.other_seen = caller->from();
  to_caller.other_seen = visitor.from();
  visitor.answer(to_callee);  // may end the visitor, and the meeting with it
  if (meetings_.count(ticket) != 0) caller->answer(to_caller);
}

void Relay::on_answered(Visitor& visitor) {
  const auto found = waiting_.find(&visitor);
  if (found == waiting_.end()) return;
  const auto ticket = found->second;
  waiting_.erase(found);
  auto& meeting = meetings_.at(ticket);
  auto& leg = meeting.call.visitor == &visitor ? meeting.call : meeting.answer;
  leg.visitor = nullptr;
  leg.pipe = visitor.take_pipe();
  leg.received = visitor.take_received();
  leg.pipe->set_listener(nullptr);
  // Who would notice that packets are too long for this leg is at the far end of the other one.
  leg.pipe->allow_fragments();
  if (meeting.call.pipe && meeting.answer.pipe) join(ticket);
}

void Relay::join(const Ticket& ticket) {
  auto meeting = std::move(meetings_.extract(ticket).mapped());
  log::info("circuit",
            {{"event", "joined"}, {"caller", meeting.caller}, {"callee", meeting.callee}});
  const auto circuit =
      circuits_.join({std::move(meeting.call.pipe), std::move(meeting.call.received)},
                     {std::move(meeting.answer.pipe), std::move(meeting.answer.received)});
  joined_.emplace(circuit, Pair{std::move(meeting.caller), std::move(meeting.callee)});
}

void Relay::on_circuit_ended(loop::Circuits::Id circuit, const loop::Circuits::Outcome& outcome) {
  const auto ended = std::move(joined_.extract(circuit).mapped());
  count(ended.caller, ended.callee, -1);
  log::info("circuit", {{"event", "ended"},
                        {"caller", ended.caller},
                        {"callee", ended.callee},
                        {"octets", outcome.octets},
                        {"spliced", outcome.spliced}});
}

// Out of the tables first: answering can end a visitor, which comes back here.
void Relay::give_up(const Ticket& ticket, ErrorCode code, const std::string& reason) {
  auto meeting = std::move(meetings_.extract(ticket).mapped());
  count(meeting.caller, meeting.callee, -1);
  log::info("circuit", {{"event", "failed"},
                        {"caller", meeting.caller},
                        {"callee", meeting.callee},
                        {"why", reason}});
  for (auto* leg : {&meeting.call, &meeting.answer}) {
    if (leg->pipe) leg->pipe->abort();
    if (leg->visitor == nullptr) continue;
    waiting_.erase(leg->visitor);
    // With `until` gone, both have been answered already: then only the end can tell.
    if (meeting.until)
      refuse(*leg->visitor, code, reason);
    else
      leg->visitor->leave(reason);
  }
}

void Relay::on_visitor_gone(Visitor& visitor) {
  std::erase_if(asking_, [&](const auto& one) { return one.second.visitor == &visitor; });
  const auto found = waiting_.find(&visitor);
  if (found == waiting_.end()) return;
  const auto ticket = found->second;
  waiting_.erase(found);
  auto& meeting = meetings_.at(ticket);
  (meeting.call.visitor == &visitor ? meeting.call : meeting.answer).visitor = nullptr;
  give_up(ticket, ErrorCode::kHostUnreachable, "the other side of the circuit went away");
}

void Relay::arm_timer() {
  if (!timer_.running()) timer_.start(limits_.circuit_answer);
}

void Relay::on_timer(loop::Timer&) {
  const auto now = loop_.now();
  std::optional<TimePoint> next;
  std::vector<Ticket> late;
  for (const auto& [ticket, meeting] : meetings_) {
    if (!meeting.until) continue;
    if (*meeting.until <= now) {
      late.push_back(ticket);
    } else {
      next = next ? std::min(*next, *meeting.until) : *meeting.until;
    }
  }
  if (next) timer_.start(*next - now);
  for (const auto& ticket : late)
    if (const auto found = meetings_.find(ticket); found != meetings_.end())
      give_up(ticket, ErrorCode::kTimedOut,
              found->second.callee + " did not answer the call in time");
}

void Relay::drop(const std::string& endpoint) {
  std::vector<Ticket> meetings;
  for (const auto& [ticket, meeting] : meetings_)
    if (meeting.caller == endpoint || meeting.callee == endpoint) meetings.push_back(ticket);
  for (const auto& ticket : meetings)
    if (meetings_.count(ticket) != 0)
      give_up(ticket, ErrorCode::kHostUnreachable, endpoint + " is no longer admitted");
  for (const auto& [circuit, names] : joined_)
    if (names.caller == endpoint || names.callee == endpoint) circuits_.abort(circuit);
}

void Relay::drop_all() {
  timer_.stop();
  waiting_.clear();
  asking_.clear();
  meetings_.clear();
  circuits_.clear();
  joined_.clear();
  counts_.clear();
}

}  // namespace culvert::service
