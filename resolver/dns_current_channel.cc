#include "resolver/dns_current_channel.h"

#include <sys/stat.h>

#include "resolver/dns_channel.h"

namespace culvert::resolver {

std::int64_t resolver_changed_at() {
  struct stat facts {};
  if (stat("/etc/resolv.conf", &facts) != 0) return 0;
  return static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec +
         static_cast<std::int64_t>(facts.st_ino);
}

CurrentDnsChannel::CurrentDnsChannel(loop::Loop& loop, DnsOptions options, DnsUse use)
    : loop_(loop), options_(std::move(options)), use_(use) {
  ares_library_init(ARES_LIB_INIT_ALL);
}

CurrentDnsChannel::~CurrentDnsChannel() {
  channel_.reset();
  ares_library_cleanup();
}

Result<DnsChannel*> CurrentDnsChannel::begin() {
  const auto changed_at = resolver_changed_at();
  if (!channel_ || (changed_at != configured_at_ && waiting_ == 0)) {
    auto channel = std::make_unique<DnsChannel>(loop_, options_, use_);
    if (channel->status() != ARES_SUCCESS)
      return fail(ErrorCode::kTryAgain, "cannot read the resolver's configuration: " +
                                            std::string(ares_strerror(channel->status())));
    channel_ = std::move(channel);
    configured_at_ = changed_at;
  }
  ++waiting_;
  return channel_.get();
}

}  // namespace culvert::resolver
