#include "service/ftp_control.h"

#include <algorithm>

namespace culvert::service {
namespace {

constexpr std::size_t kMostLine = 512;
constexpr std::string_view kPairs = "/culvert-";
constexpr std::size_t kPairName = 32;  // octets, of a number that nobody guesses
constexpr int kMostPorts = 4;          // EPSV and then PASV, and once more
constexpr std::string_view kNoPort = "425 No port is free for that.";

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// RFC 959 section 4.1: three or four letters.
bool is_command(std::string_view word) {
  return word.size() >= 3 && word.size() <= 4 &&
         std::ranges::all_of(word, [](char c) { return upper(c) >= 'A' && upper(c) <= 'Z'; });
}

}  // namespace

Result<std::string> FtpControl::receive(Bytes from_client) {
  std::string replies;
  for (const char c : as_text(from_client)) {
    if (over_) break;
    if (c != '\n') {
      if (line_.size() >= kMostLine)
        return fail(ErrorCode::kProtocol, "a line of FTP is longer than 512 octets");
      line_ += c;
      continue;
    }
    std::string_view line = line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto space = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, space);
    if (!is_command(word)) return fail(ErrorCode::kProtocol, "it spoke no FTP");
    std::string command(word);
    std::ranges::transform(command, command.begin(), upper);
    replies += answer(command, line.substr(std::min(space + 1, line.size()))) + "\r\n";
    line_.clear();
  }
  return replies;
}

std::string FtpControl::answer(std::string_view command, std::string_view argument) {
  if (command == "USER") return "331 Any password will do.";
  if (command == "PASS") return "230 Logged in.";
  if (command == "SYST") return "215 UNIX Type: L8";
  if (command == "FEAT") return "211 No features.";
  if (command == "PWD" || command == "XPWD") return "257 \"/\"";
  if (command == "CWD" || command == "CDUP") return change_folder(argument);
  if (command == "NOOP" || command == "TYPE" || command == "MODE" || command == "STRU" ||
      command == "OPTS")
    return "200 Done.";
  if (command == "PASV") return passive();
  if (command == "EPSV") {
    if (upper(argument.empty() ? ' ' : argument[0]) == 'A') return "200 Done.";  // "EPSV ALL"
    return extended_passive();
  }
  if (command == "RETR") return transfer(/*upward=*/false);
  if (command == "STOR" && !pair_.empty()) return transfer(/*upward=*/true);
  if (command == "ABOR") return "226 Done.";
  if (command == "QUIT") {
    over_ = true;
    return "221 Goodbye.";
  }
  return "502 Not here.";
}

std::string FtpControl::change_folder(std::string_view folder) {
  pair_.clear();
  if (folder.starts_with(kPairs) && folder.size() == kPairs.size() + kPairName &&
      folder.find_first_not_of("0123456789abcdef", kPairs.size()) == folder.npos)
    pair_ = folder.substr(kPairs.size());
  return "250 Done.";
}

std::string FtpControl::transfer(bool upward) {
  if (pair_.empty())
    transferring_ = true;
  else if (half_)
    return "450 One file is open.";
  else
    half_ = {pair_, upward};
  return upward ? "150 Let it come." : "150 Here it comes.";
}

std::optional<std::uint16_t> FtpControl::data_port() {
  if (pair_.empty()) return here_.port;
  if (half_ || ++ports_ > kMostPorts) return std::nullopt;
  return doors_.open_data_port();
}

std::string FtpControl::extended_passive() {
  const auto port = data_port();
  if (!port) return std::string(kNoPort);
  return "229 Entering Extended Passive Mode (|||" + std::to_string(*port) + "|)";
}

std::string FtpControl::passive() {
  const auto address = here_.ip.canonical();
  if (!address.is_v4()) return "425 Only EPSV works by IPv6.";
  const auto port = data_port();
  if (!port) return std::string(kNoPort);
  std::string numbers = address.to_string();
  std::ranges::replace(numbers, '.', ',');
  return "227 Entering Passive Mode (" + numbers + "," + std::to_string(*port / 256) + "," +
         std::to_string(*port % 256) + ").";
}

}  // namespace culvert::service
