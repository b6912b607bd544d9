#include "agent/listener_file.h"

#include <algorithm>
#include <fstream>

#include "agent/snapshot.h"
#include "agent/state_file.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::uint32_t kMagic = 0x4356524c;  // "CVRL"
constexpr std::uint16_t kVersion = 1;

}  // namespace

std::string boot_of_machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);
  return boot;
}

ListenerFile::ListenerFile(loop::Loop& loop, std::string path, std::string boot,
                           const Source& source)
    : path_(std::move(path)),
      boot_(std::move(boot)),
      source_(source),
      loop_(loop),
      timer_(loop, *this) {}

Result<ToldListeners> ListenerFile::load() const {
  const auto text = read_state_file(path_, Privacy::kSecret);
  if (!text && text.error().code == ErrorCode::kNameUnknown) return ToldListeners{};
  if (!text) return fail(text.error());
  Reader in(as_bytes(*text));
  // Not synced: a power cut may leave anything in it.
  if (in.u32() != kMagic || in.u16() != kVersion || in.text16() != boot_ || boot_.empty())
    return ToldListeners{};
  ToldListeners told;
  take_listeners(in, told.tcp);
  take_listeners(in, told.udp);
  if (!in.done()) return fail(ErrorCode::kBadInput, path_ + " is damaged");
  return told;
}

void ListenerFile::changed() {
  if (boot_.empty()) return;
  unsaved_ = true;
  if (timer_.running()) return;
  const auto since = saved_at_ ? loop_.now() - *saved_at_ : Duration{kPause};
  timer_.start(std::max(Duration::zero(), Duration{kPause} - since));
}

void ListenerFile::save() {
  timer_.stop();
  if (!std::exchange(unsaved_, false)) return;
  saved_at_ = loop_.now();
  const auto told = source_.told_listeners();
  ByteVector bytes;
  Writer out(bytes);
  out.u32(kMagic);
  out.u16(kVersion);
  out.text16(boot_);
  encode(told.tcp, out);
  encode(told.udp, out);
  const auto saved = bytes.size() > kMaxStateFile
                         ? fail(ErrorCode::kExhausted, "there are too many listeners")
                         : write_state_file(path_, as_text(bytes), 0600, Outlives::kProcess);
  if (saved) return;
  log::warning("listen", {{"event", "not-kept"},
                          {"why", saved.error().detail},
                          {"effect",
                           "should the agent be killed, programs that listen have to be "
                           "started again"}});
  unsaved_ = true;
  timer_.start(kRetry);
}

}  // namespace culvert::agent
