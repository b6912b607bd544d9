// The agent's part in datagrams: who may send them where.
#include "agent/agent.h"

#include <algorithm>

namespace culvert::agent {

void Agent::on_datagrams_asked(std::unique_ptr<DatagramQuestion> question) {
  const auto& to = question->to();
  if (!pool_.contains(to.ip)) return question->not_ours();
  if (!allowed(question->asker())) return question->fail(ErrorCode::kNotPermitted);
  // Where a caller's datagrams come from, answers go as they are.
  for (const auto& session : incoming_)
    if (session->has_datagrams_from(to)) return question->send_there(to);
  if (hosted_calls_.has_local(to)) return question->send_there(to);
  const auto now = loop::Loop::wall_clock();
  if (stopping_ || pool_.name_of(to.ip, now).empty())
    return question->fail(ErrorCode::kHostUnreachable);
  pool_.touch(to.ip, now);
  pool_file_.changed();
  datagrams_.ask(std::move(question));
}

Result<void> Agent::on_hosted_call(session::SessionLink& link, mux::StreamId stream,
                                   const control::Target& target) {
  const auto name = resolver::canonical_name(target.host);
  if (!name) return fail(name.error());
  const auto& admitted = config_.publish.media_callers;
  if (std::ranges::none_of(admitted, [&](const auto& one) { return one.matches(*name); }))
    return fail(ErrorCode::kNotPermitted,
                self_.identity.name + " does not admit " + *name + " (publish.media_callers)");
  if (hosted_calls_.size() >= kMostHostedCalls)
    return fail(ErrorCode::kExhausted, "too many calls by the service are open");
  const auto from = pool_.address_of(*name, loop::Loop::wall_clock());
  if (!from) return fail(from.error());
  pool_file_.changed();
  return serve_datagrams(policy().datagram_servers(), {link, stream, target, *from}, hosted_calls_);
}

bool Agent::may_send(uid_t uid) { return config_.access.allows(uid, ::geteuid()) || chosen(uid); }

void Agent::open_datagrams(const SocketAddress& to, std::uint16_t from_port,
                           StreamOpening& opening) {
  using Kind = control::Target::Kind;
  const std::string name{pool_.name_of(to.ip, loop::Loop::wall_clock())};
  if (name.empty() || stopping_)
    return opening.on_opening_failed({ErrorCode::kHostUnreachable, "the address means no name"});
  const auto way = destinations_.of_name(name);
  if (way == Way::kEndpoint)
    return peers_.open(name, {Kind::kEndpointUdp, "", to.port, 0, from_port}, opening);
  if (way == Way::kDirect)
    return opening.on_opening_failed(
        {ErrorCode::kNotPermitted, "no [[forward]] rule names " + name});
  const auto opened = uplink_.open({Kind::kForwardUdp, name, to.port}, opening);
  if (!opened) opening.on_opening_failed(opened.error());
}

}  // namespace culvert::agent
