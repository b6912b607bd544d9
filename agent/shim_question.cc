#include "agent/shim_question.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace culvert::agent {
namespace {

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kProtocol, "a question on the control socket " + std::string(why));
}

const IpPrefix kMapped{*IpAddress::parse("::ffff:0:0"), 96};

bool is_address_family(int family) { return family == AF_INET || family == AF_INET6; }

SocketAddress address_of(const culvert_question_packet& packet) {
  if (packet.family == AF_INET6) {
    std::array<std::uint8_t, 16> octets;
    std::copy(std::begin(packet.address), std::end(packet.address), octets.begin());
    const auto ip = IpAddress::v6(octets);
    // Other forms that contain an IPv4 address mean what they say: a host is asked for by number.
    return {kMapped.contains(ip) ? ip.canonical() : ip, packet.port};
  }
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | packet.address[i];
  return {IpAddress::v4(value), packet.port};
}

Result<void> check(const ShimQuestion& question) {
  switch (question.kind) {
    case CULVERT_ASK_NAME:
      if (question.name.empty()) return bad("about a name has no name");
      if (question.family != AF_UNSPEC && !is_address_family(question.family))
        return bad("about a name wants an unknown address family");
      return {};
    case CULVERT_ASK_CONNECT:
    case CULVERT_TELL_CONNECTING:
    case CULVERT_TELL_LISTENING:
    case CULVERT_ASK_DATAGRAMS:
    case CULVERT_TELL_BOUND:
    case CULVERT_ASK_ACCEPTED:
    case CULVERT_ASK_SENDER:
      if (question.cookie == 0) return bad("about a socket has no cookie");
      if (question.address.port == 0) return bad("about a socket has no port");
      if (!is_address_family(question.family)) return bad("has an unknown address family");
      return {};
    case CULVERT_ASK_TO_LET_GO:
    case CULVERT_ASK_WANTED_PORT:
    case CULVERT_ASK_TO_SHARE:
      if (question.address.port == 0) return bad("about a port names none");
      return {};
    case CULVERT_ASK_ERROR:
      if (question.cookie == 0) return bad("about a socket has no cookie");
      return {};
    case CULVERT_ASK_ADDRESS:
      if (!is_address_family(question.family)) return bad("has an unknown address family");
      return {};
    case CULVERT_ASK_WHY:
      if (question.name.empty()) return bad("about a decision has no host");
      return {};
    case CULVERT_TELL_PROXY:
      if (question.name.empty()) return bad("about a proxy has no URL");
      return {};
    case CULVERT_ASK_AGENT:
    case CULVERT_ASK_FORWARDING:
    case CULVERT_ASK_STATUS:
    case CULVERT_ASK_DNS:
    case CULVERT_ASK_OWN_ADDRESS:
    case CULVERT_TELL_SYSTEM_WIDE: return {};
  }
  return bad("is of an unknown kind");
}

}  // namespace

Result<ShimQuestion> parse_question(Bytes packet) {
  culvert_question_packet raw;
  if (packet.size() != sizeof raw) return bad("has the wrong size");
  std::memcpy(&raw, packet.data(), sizeof raw);
  if (raw.magic != CULVERT_WIRE_MAGIC) return bad("does not come from a Culvert program");
  if (raw.version != CULVERT_WIRE_VERSION)
    return bad("is of version " + std::to_string(raw.version) + ", this agent's is " +
               std::to_string(CULVERT_WIRE_VERSION) +
               ": install shim and agent of one release and start the program anew");
  if (raw.kind < CULVERT_ASK_NAME || raw.kind > CULVERT_ASK_SENDER)
    return bad("is of an unknown kind");
  ShimQuestion question;
  question.kind = static_cast<culvert_question>(raw.kind);
  question.cookie = raw.cookie;
  question.flags = raw.flags;
  question.family = raw.family;
  question.address = address_of(raw);
  const std::string_view name(&raw.name[0], sizeof raw.name);
  if (name.find('\0') == std::string_view::npos) return bad("has a name without its end");
  question.name = name.substr(0, name.find('\0'));
  CULVERT_RETURN_IF_ERROR(check(question));
  return question;
}

culvert_answer_packet make_answer(culvert_verdict verdict, const SocketAddress& address,
                                  std::string_view name) {
  culvert_answer_packet answer{};
  answer.magic = CULVERT_WIRE_MAGIC;
  answer.version = CULVERT_WIRE_VERSION;
  answer.verdict = static_cast<std::uint16_t>(verdict);
  answer.family = address.ip.is_v4() ? AF_INET : AF_INET6;
  answer.port = address.port;
  std::memcpy(answer.address, address.ip.octets().data(), sizeof answer.address);
  name.copy(&answer.name[0], sizeof answer.name - 1);  // zero-terminated: the rest is zero
  return answer;
}

culvert_answer_packet make_error_answer(culvert_verdict verdict, int error) {
  auto answer = make_answer(verdict);
  answer.error = error;
  return answer;
}

}  // namespace culvert::agent
