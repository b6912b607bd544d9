// tunnel/portmap/igd_answer.h: what the program culvert-igd is asked by its words, and answers in
// one line. It has read a stranger's XML: its answer is checked like a stranger's.
#pragma once
#include <string>
#include <vector>

#include "tunnel/portmap/mapping.h"

namespace culvert::portmap {

struct IgdTask {
  std::string url;  // of the description, parse_gateway_url()
  Network network;
  Port port;
  std::uint16_t external = 0;  // to be had, if it is free
  std::uint32_t lifetime = 0;  // seconds; 0: delete the mapping
  bool operator==(const IgdTask&) const = default;
};
std::vector<std::string> words_of(const IgdTask& task);  // without the program
Result<IgdTask> task_of(const std::vector<std::string>& words);

struct IgdAnswer {
  SocketAddress external;
  std::uint32_t lifetime = 0;  // seconds; 0: until it is deleted
  bool operator==(const IgdAnswer&) const = default;
};
inline constexpr std::size_t kMostIgdAnswer = 512;  // octets
// "mapped 198.51.100.7:40000 7200\n", "failed why\n"; nothing else.
std::string to_line(const Result<IgdAnswer>& answer);
Result<IgdAnswer> answer_of(std::string_view line);

}  // namespace culvert::portmap
