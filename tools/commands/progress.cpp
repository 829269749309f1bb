#include "tools/commands/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "nn/text.h"

namespace mode::tools {

namespace {

constexpr double terminal_interval = 0.1, plain_interval = 10;  // seconds between two lines

int terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

/// A closed terminal must not end the work: a failed write is no error here.
void show(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t done)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      first_(done),
      done_(done),
      terminal_(::isatty(STDOUT_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() {
  // An error message must not follow a half-drawn bar on its line.
  if (drawn_) finish("");
}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

double Progress::rate() const {
  const double elapsed = seconds();
  return elapsed > 0 ? static_cast<double>(done_ - first_) / elapsed : 0;
}

void Progress::update(int64_t done, const std::string& detail, double seconds_left) {
  done_ = done;
  const Clock::time_point now = Clock::now();
  if (std::chrono::duration<double>(now - last_).count() < (terminal_ ? terminal_interval : plain_interval)) return;
  last_ = now;
  const double per_second = rate();
  const double left = seconds_left >= 0 ? seconds_left : per_second > 0 ? static_cast<double>(total_ - done_) / per_second : -1;
  const std::string tail =
      fmt::format("{:.0f} {}/s{}{}, {} left", per_second, unit_, detail.empty() ? "" : ", ", detail, nn::format_seconds(left));
  if (!terminal_) {
    show(fmt::format("{}: {} of {} {}, {}\n", label_, nn::with_commas(done_), nn::with_commas(total_), unit_, tail));
    return;
  }
  constexpr int bar_width = 24;
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
  const int filled = std::clamp(static_cast<int>(share * bar_width), 0, bar_width);
  std::string line =
      fmt::format("{} [{}{}] {:3.0f} %  {}", label_, std::string(filled, '#'), std::string(bar_width - filled, '.'), 100 * share, tail);
  line = line.substr(0, terminal_width() - 1);  // a wrapped line could not be redrawn
  show("\r\033[K" + line);
  drawn_ = true;
}

void Progress::finish(const std::string& summary) {
  if (drawn_) show("\r\033[K");
  if (!summary.empty()) show(summary + "\n");
  drawn_ = false;
}

}  // namespace mode::tools
