#include "mode/training/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <tuple>

#include "mode/version.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/isa.h"

namespace mode {

namespace {

const std::string momentum_prefix = "momentum.";
const std::string meter_prefix = "meter.";
const char* const state_format = "2";
const char* const log_header =
    "epoch,step,lr,loss,cross_entropy,contrastive,alpa,grad_norm,train_accuracy,val_loss,val_accuracy,monitor_loss,monitor_accuracy,"
    "images_per_second,seconds,data_seconds\n";

bool begins(const std::string& name, const std::string& prefix) { return name.rfind(prefix, 0) == 0; }
bool belongs_to_objective(const std::string& name) { return begins(name, "head.") || begins(name, "alpa."); }

const std::string& need(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const auto found = metadata.find(key);
  CHECK(found != metadata.end(), "{} is not the state of a training run ('{}' is missing)", path, key);
  return found->second;
}

double need_number(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const std::vector<double> numbers = nn::split_numbers(need(metadata, key, path));
  CHECK(numbers.size() == 1, "{}: '{}': expected one number", path, key);
  return numbers[0];
}

std::pair<double, double> need_pair(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const std::vector<double> numbers = nn::split_numbers(need(metadata, key, path));
  CHECK(numbers.size() == 2, "{}: '{}': expected two numbers", path, key);
  return {numbers[0], numbers[1]};
}

int64_t need_count(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const double number = need_number(metadata, key, path);
  CHECK(number >= 0 && number < 9e15 && number == static_cast<double>(static_cast<int64_t>(number)),
        "{}: '{}': expected a whole number >= 0", path, key);
  return static_cast<int64_t>(number);
}

}  // namespace

void ensure_writable_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  CHECK(!error, "cannot create the directory {}: {}; choose another --out", directory, error.message());
  CHECK(std::filesystem::is_directory(directory), "{} is not a directory; choose another --out", directory);
  std::string probe = directory + "/.unfinished-XXXXXX";  // remove_unfinished() removes the file of a process killed here
  const int file = ::mkostemp(probe.data(), O_CLOEXEC);
  CHECK(file >= 0, "cannot write into the directory {}: {}; choose another --out", directory, std::strerror(errno));
  ::close(file);
  ::unlink(probe.c_str());
}

bool RunDirectory::holds_run() const {
  if (std::filesystem::exists(model_path()) || std::filesystem::exists(best_path())) return true;
  if (!std::filesystem::exists(state_path())) return false;
  try {
    return need_count(nn::read_safetensors(state_path()).metadata, "step", state_path()) > 0;
  } catch (const tensor::Error&) {
    return true;  // an unknown or damaged file must not be overwritten
  }
}

bool RunDirectory::holds_demo() const {
  if (!std::filesystem::exists(state_path())) return false;
  try {
    return need(nn::read_safetensors(state_path()).metadata, "made_by", state_path()) == "demo";
  } catch (const tensor::Error&) {
    return false;
  }
}

void RunDirectory::save_state(const RunState& state, const nn::ResNet& net, const Objective& objective, const nn::Sgd& sgd) const {
  nn::TensorFile file;
  file.tensors = nn::export_weights(net);
  for (const auto& [name, tensor] : nn::export_weights(objective)) file.tensors.emplace(name, tensor);
  for (const auto& [name, velocity] : sgd.state()) file.tensors.emplace(name, velocity);
  for (const auto& [name, value] : options_to_text(state.options)) file.metadata["option." + name] = value;
  const nn::Preprocessing& input = state.preprocessing;
  file.metadata["mean"] = nn::join_numbers({input.mean[0], input.mean[1], input.mean[2]});
  file.metadata["std"] = nn::join_numbers({input.std[0], input.std[1], input.std[2]});
  file.metadata["epoch"] = std::to_string(state.epoch);
  file.metadata["batch"] = std::to_string(state.batch);
  file.metadata["step"] = std::to_string(state.step);
  file.metadata["format"] = state_format;
  for (const auto& [name, value] : state.meters.to_text()) file.metadata[meter_prefix + name] = value;
  file.metadata["seen"] = std::to_string(state.seen);
  file.metadata["seconds"] = nn::join_numbers({state.seconds, state.data_seconds});
  file.metadata["best_epoch"] = std::to_string(state.best_epoch);
  file.metadata["best"] = nn::join_numbers({state.best_accuracy, state.best_loss});
  file.metadata["isa"] = state.isa;
  file.metadata["device"] = state.options.device;
  file.metadata["device_name"] = state.device_name;
  file.metadata["data_hash"] = state.data_hash;
  file.metadata["val_hash"] = state.val_hash;
  file.metadata["began_with"] = state.commit;
  file.metadata["commit"] = mode::commit();
  file.metadata["made_by"] = state.options.made_by;
  nn::add_content_hash(file);
  nn::write_safetensors(state_path(), file);
}

RunState RunDirectory::load_state() {
  CHECK(std::filesystem::exists(state_path()), "nothing to resume: {} does not exist; train without --resume first", state_path());
  loaded_ = nn::read_safetensors(state_path());
  const auto& metadata = loaded_.metadata;
  RunState state;
  // Format 1 had no validation split and no meters: the same options would select other images.
  const std::string format = metadata.count("format") != 0 ? metadata.at("format") : "1";
  CHECK(metadata.count("step") == 0 || format == state_format,
        "{} was written by commit {} in format {}, this program ({}) reads format {}; finish the run with the program that began it, or "
        "start a new one in another --out",
        state_path(), metadata.count("commit") != 0 ? nn::printable(metadata.at("commit")) : "?", nn::printable(format), mode::commit(),
        state_format);
  std::map<std::string, std::string> text, meters;
  for (const auto& [key, value] : metadata) {
    if (key.rfind("option.", 0) == 0) text[key.substr(7)] = value;
    if (key.rfind(meter_prefix, 0) == 0) meters[key.substr(meter_prefix.size())] = value;
  }
  try {
    options_from_text(text, state.options);
  } catch (const OptionError& error) {
    throw tensor::Error(fmt::format("{}: {}", state_path(), error.what()));
  }
  if (const auto made_by = metadata.find("made_by"); made_by != metadata.end()) state.options.made_by = made_by->second;
  const std::vector<double> mean = nn::split_numbers(need(metadata, "mean", state_path()));
  const std::vector<double> std = nn::split_numbers(need(metadata, "std", state_path()));
  CHECK(mean.size() == 3 && std.size() == 3, "{}: mean and std: expected three numbers each", state_path());
  state.preprocessing.size = state.options.size;
  state.preprocessing.crop = state.options.crop;
  state.preprocessing.short_side = state.options.short_side;
  for (size_t channel = 0; channel < 3; ++channel) {
    state.preprocessing.mean[channel] = mean[channel];
    state.preprocessing.std[channel] = std[channel];
  }
  state.epoch = need_count(metadata, "epoch", state_path());
  state.batch = need_count(metadata, "batch", state_path());
  state.step = need_count(metadata, "step", state_path());
  state.meters = Meters::from_text(meters);
  state.seen = need_count(metadata, "seen", state_path());
  std::tie(state.seconds, state.data_seconds) = need_pair(metadata, "seconds", state_path());
  state.best_epoch = need_count(metadata, "best_epoch", state_path());
  std::tie(state.best_accuracy, state.best_loss) = need_pair(metadata, "best", state_path());
  state.val_hash =
      need(metadata, metadata.count("val_hash") != 0 ? "val_hash" : "held_out_hash", state_path());  // the latter: earlier versions
  state.commit = need(metadata, "began_with", state_path());
  state.isa = need(metadata, "isa", state_path());
  const auto device = metadata.find("device"), device_name = metadata.find("device_name");
  if (device != metadata.end()) state.options.device = device->second;
  state.device_name = device_name != metadata.end() ? device_name->second : "cpu";  // early versions ran on the CPU only
  state.data_hash = need(metadata, "data_hash", state_path());
  return state;
}

void RunDirectory::restore(nn::ResNet& net, Objective& objective, nn::Sgd& sgd) const {
  std::map<std::string, tensor::Tensor> velocities;
  for (const auto& [name, tensor] : loaded_.tensors)
    if (begins(name, momentum_prefix)) velocities.emplace(name, tensor);
  nn::load_weights(net, network_tensors());
  nn::load_weights(objective, objective_tensors());
  sgd.load_state(velocities);
}

std::map<std::string, tensor::Tensor> RunDirectory::network_tensors() const {
  std::map<std::string, tensor::Tensor> tensors;
  for (const auto& [name, tensor] : loaded_.tensors)
    if (!begins(name, momentum_prefix) && !belongs_to_objective(name)) tensors.emplace(name, tensor);
  return tensors;
}

std::map<std::string, tensor::Tensor> RunDirectory::objective_tensors() const {
  std::map<std::string, tensor::Tensor> tensors;
  for (const auto& [name, tensor] : loaded_.tensors)
    if (belongs_to_objective(name)) tensors.emplace(name, tensor);
  return tensors;
}

void RunDirectory::begin_log() {
  log_ = log_header;
  nn::write_file(log_path(), log_);
}

void RunDirectory::load_log(int64_t epochs) {
  log_ = log_header;
  if (!std::filesystem::exists(log_path())) return;
  const std::vector<uint8_t> bytes = nn::read_file(log_path(), int64_t{1} << 30);
  std::istringstream file(std::string(bytes.begin(), bytes.end()));
  std::string line;
  std::getline(file, line);
  // A row after the state's epoch will be written again.
  while (std::getline(file, line))
    if (!line.empty() && std::strtoll(line.c_str(), nullptr, 10) <= epochs) log_ += line + "\n";
}

void RunDirectory::append_log(const EpochRow& row) {
  const auto loss = [](double value) { return std::isnan(value) ? std::string() : fmt::format("{:.6f}", value); };
  const auto score = [](const EpochRow::Score& of) {
    return std::isnan(of.loss) ? std::string(",") : fmt::format("{:.6f},{:.6f}", of.loss, of.accuracy);
  };
  log_ += fmt::format("{},{},{:.6g},{:.6f},{},{},{},{:.6g},{},{},{},{:.1f},{:.2f},{:.2f}\n", row.epoch, row.step, row.lr, row.loss,
                      loss(row.cross_entropy), loss(row.contrastive), loss(row.alpa), row.gradient_norm, loss(row.train_accuracy),
                      score(row.validation), score(row.monitor), row.images_per_second, row.seconds, row.data_seconds);
  nn::write_file(log_path(), log_);
}

}  // namespace mode
