#include "tools/commands/run_directory.h"

#include <cmath>
#include <filesystem>
#include <sstream>

#include "mode/version.h"
#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

const std::string momentum_prefix = "momentum.";
const char* const log_header = "epoch,step,lr,loss,train_accuracy,val_accuracy,pictures_per_second,seconds\n";

const std::string& need(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const auto found = metadata.find(key);
  CHECK(found != metadata.end(), "{} is not the state of a training run ('{}' is missing)", path, key);
  return found->second;
}

double need_number(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const std::vector<double> numbers = split_numbers(need(metadata, key, path));
  CHECK(numbers.size() == 1, "{}: '{}' should be one number", path, key);
  return numbers[0];
}

int64_t need_count(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const double number = need_number(metadata, key, path);
  CHECK(number >= 0 && number < 9e15 && number == static_cast<double>(static_cast<int64_t>(number)), "{}: '{}' should be a count", path,
        key);
  return static_cast<int64_t>(number);
}

}  // namespace

std::map<std::string, std::string> options_to_text(const TrainOptions& options) {
  const auto number = [](double value) { return fmt::format("{:.17g}", value); };
  return {{"data", options.data},
          {"val", options.val},
          {"arch", options.arch},
          {"epochs", std::to_string(options.epochs)},
          {"batch", std::to_string(options.batch)},
          {"lr", number(options.lr)},
          {"weight-decay", number(options.weight_decay)},
          {"momentum", number(options.momentum)},
          {"nesterov", options.nesterov ? "1" : "0"},
          {"warmup-epochs", std::to_string(options.warmup_epochs)},
          {"seed", std::to_string(options.seed)},
          {"shortcut", options.shortcut},
          {"stem", options.stem},
          {"size", std::to_string(options.size)},
          {"no-augment", options.augment ? "0" : "1"},
          {"mean", join_numbers(options.mean)},
          {"std", join_numbers(options.std)}};
}

void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options) {
  const auto with = [&](const char* key, auto&& set) {
    const auto found = text.find(key);
    if (found != text.end()) set(found->second);
  };
  const auto into_text = [&](const char* key, std::string& target) { with(key, [&](const std::string& value) { target = value; }); };
  const auto into_numbers = [&](const char* key, std::vector<double>& target) {
    with(key, [&](const std::string& value) { target = split_numbers(value); });
  };
  const auto into_number = [&](const char* key, auto& target) {
    with(key, [&](const std::string& value) {
      const std::vector<double> numbers = split_numbers(value);
      CHECK(numbers.size() == 1 && std::isfinite(numbers[0]), "option {}: '{}' should be one number", key, nn::printable(value));
      if constexpr (std::is_integral_v<std::decay_t<decltype(target)>>)
        CHECK(numbers[0] >= 0 && numbers[0] <= 1e9 && numbers[0] == std::floor(numbers[0]), "option {}: '{}' should be a count", key,
              nn::printable(value));
      target = static_cast<std::decay_t<decltype(target)>>(numbers[0]);
    });
  };
  into_text("data", options.data);
  into_text("val", options.val);
  into_text("arch", options.arch);
  into_number("epochs", options.epochs);
  into_number("batch", options.batch);
  into_number("lr", options.lr);
  into_number("weight-decay", options.weight_decay);
  into_number("momentum", options.momentum);
  into_number("nesterov", options.nesterov);
  into_number("warmup-epochs", options.warmup_epochs);
  with("seed", [&](const std::string& value) { options.seed = std::strtoull(value.c_str(), nullptr, 10); });
  into_text("shortcut", options.shortcut);
  into_text("stem", options.stem);
  into_number("size", options.size);
  bool no_augment = !options.augment;
  into_number("no-augment", no_augment);
  options.augment = !no_augment;
  into_numbers("mean", options.mean);
  into_numbers("std", options.std);
  CHECK(options.epochs >= 1 && options.batch >= 1 && options.size >= 1 && options.lr > 0,
        "options of a run: {} epochs, batch {}, size {}, lr {}; all of them are above 0", options.epochs, options.batch, options.size,
        options.lr);
}

bool RunDirectory::holds_run() const {
  if (std::filesystem::exists(model_path())) return true;
  if (!std::filesystem::exists(state_path())) return false;
  try {
    return need_count(nn::read_safetensors(state_path()).metadata, "step", state_path()) > 0;
  } catch (const tensor::Error&) {
    return true;  // not ours, or damaged: not ours to overwrite either
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

void RunDirectory::save_state(const RunState& state, const nn::ResNet& net, const nn::Sgd& sgd) const {
  nn::TensorFile file;
  file.tensors = nn::export_weights(net);
  for (const auto& [name, velocity] : sgd.state()) file.tensors.emplace(name, velocity);
  for (const auto& [name, value] : options_to_text(state.options)) file.metadata["option." + name] = value;
  const nn::Preprocessing& input = state.preprocessing;
  file.metadata["mean"] = join_numbers({input.mean[0], input.mean[1], input.mean[2]});
  file.metadata["std"] = join_numbers({input.std[0], input.std[1], input.std[2]});
  file.metadata["epoch"] = std::to_string(state.epoch);
  file.metadata["batch"] = std::to_string(state.batch);
  file.metadata["step"] = std::to_string(state.step);
  file.metadata["loss_sum"] = fmt::format("{:.17g}", state.loss_sum);
  file.metadata["right"] = std::to_string(state.right);
  file.metadata["seen"] = std::to_string(state.seen);
  file.metadata["seconds"] = fmt::format("{:.17g}", state.seconds);
  file.metadata["isa"] = state.isa;
  file.metadata["device"] = state.options.device;
  file.metadata["device_name"] = state.device_name;
  file.metadata["data_hash"] = state.data_hash;
  file.metadata["commit"] = mode::commit();
  file.metadata["made_by"] = state.options.made_by;
  nn::seal(file);
  nn::write_safetensors(state_path(), file);
}

RunState RunDirectory::load_state() {
  CHECK(std::filesystem::exists(state_path()), "nothing to resume: {} does not exist; train without --resume first", state_path());
  loaded_ = nn::read_safetensors(state_path());
  const auto& metadata = loaded_.metadata;
  RunState state;
  std::map<std::string, std::string> text;
  for (const auto& [key, value] : metadata)
    if (key.rfind("option.", 0) == 0) text[key.substr(7)] = value;
  options_from_text(text, state.options);
  if (const auto made_by = metadata.find("made_by"); made_by != metadata.end()) state.options.made_by = made_by->second;
  const std::vector<double> mean = split_numbers(need(metadata, "mean", state_path()));
  const std::vector<double> std = split_numbers(need(metadata, "std", state_path()));
  CHECK(mean.size() == 3 && std.size() == 3, "{}: mean and std should be three numbers each", state_path());
  state.preprocessing.size = state.options.size;
  for (size_t channel = 0; channel < 3; ++channel) {
    state.preprocessing.mean[channel] = mean[channel];
    state.preprocessing.std[channel] = std[channel];
  }
  state.epoch = need_count(metadata, "epoch", state_path());
  state.batch = need_count(metadata, "batch", state_path());
  state.step = need_count(metadata, "step", state_path());
  state.loss_sum = need_number(metadata, "loss_sum", state_path());
  state.right = need_count(metadata, "right", state_path());
  state.seen = need_count(metadata, "seen", state_path());
  state.seconds = need_number(metadata, "seconds", state_path());
  state.isa = need(metadata, "isa", state_path());
  const auto device = metadata.find("device"), device_name = metadata.find("device_name");
  if (device != metadata.end()) state.options.device = device->second;
  state.device_name = device_name != metadata.end() ? device_name->second : "cpu";  // before runs said it, there was nothing else
  state.data_hash = need(metadata, "data_hash", state_path());
  return state;
}

void RunDirectory::restore(nn::ResNet& net, nn::Sgd& sgd) const {
  std::map<std::string, tensor::Tensor> weights, velocities;
  for (const auto& [name, tensor] : loaded_.tensors) (name.rfind(momentum_prefix, 0) == 0 ? velocities : weights).emplace(name, tensor);
  nn::load_weights(net, weights);
  sgd.load_state(velocities);
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
  // A row beyond the state belongs to an epoch that will be run again.
  while (std::getline(file, line))
    if (!line.empty() && std::strtoll(line.c_str(), nullptr, 10) <= epochs) log_ += line + "\n";
}

void RunDirectory::append_log(const std::string& row) {
  log_ += row + "\n";
  nn::write_file(log_path(), log_);
}

}  // namespace mode::tools
