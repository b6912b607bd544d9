#include "tunnel/portmap/igd_answer.h"

#include <algorithm>

#include "tunnel/base/text.h"
#include "tunnel/portmap/ssdp.h"

namespace culvert::portmap {
namespace {

constexpr std::string_view kMapped = "mapped ", kFailed = "failed ";

}  // namespace

std::vector<std::string> words_of(const IgdTask& task) {
  return {task.url,
          task.network.gateway.to_string(),
          task.network.own.to_string(),
          std::string(to_string(task.port.protocol)),
          std::to_string(task.port.number),
          std::to_string(task.external),
          std::to_string(task.lifetime)};
}

Result<IgdTask> task_of(const std::vector<std::string>& words) {
  IgdTask task;
  if (words.size() != 7) return fail(ErrorCode::kBadInput, "seven words are needed");
  const auto gateway = IpAddress::parse(words[1]), own = IpAddress::parse(words[2]);
  if (!gateway || !own || !gateway->is_v4() || !own->is_v4())
    return fail(ErrorCode::kBadInput, "the second and third word are IPv4 addresses");
  task.url = words[0];
  task.network = {*gateway, *own};
  if (const auto url = parse_gateway_url(task.url, *gateway); !url) return fail(url.error());
  if (words[3] != "tcp" && words[3] != "udp")
    return fail(ErrorCode::kBadInput, "the fourth word is tcp or udp");
  task.port.protocol = words[3] == "tcp" ? Protocol::kTcp : Protocol::kUdp;
  if (!parse_number(words[4], task.port.number) || !parse_number(words[5], task.external) ||
      !parse_number(words[6], task.lifetime))
    return fail(ErrorCode::kBadInput, "the last words are numbers");
  return task;
}

std::string to_line(const Result<IgdAnswer>& answer) {
  if (answer)
    return std::string(kMapped) + answer->external.to_string() + " " +
           std::to_string(answer->lifetime) + "\n";
  return std::string(kFailed) + answer.error().detail + "\n";
}

Result<IgdAnswer> answer_of(std::string_view line) {
  const auto no = [] { return fail(ErrorCode::kProtocol, "its answer makes no sense"); };
  if (line.size() > kMostIgdAnswer || !line.ends_with('\n')) return no();
  line.remove_suffix(1);
  if (line.starts_with(kFailed)) {
    std::string why(line.substr(kFailed.size()));
    std::ranges::replace_if(
        why, [](char c) { return c < 0x20 || c == 0x7f; }, '?');
    return fail(ErrorCode::kRefused, why);
  }
  if (!line.starts_with(kMapped)) return no();
  line.remove_prefix(kMapped.size());
  const auto space = std::min(line.find(' '), line.size());
  const auto external = SocketAddress::parse(line.substr(0, space));
  IgdAnswer answer;
  if (!external || external->port == 0 || space == line.size() ||
      !parse_number(line.substr(space + 1), answer.lifetime))
    return no();
  answer.external = *external;
  return answer;
}

}  // namespace culvert::portmap
